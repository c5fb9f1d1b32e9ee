"""A run is one folder: files, settings, provenance; and back to a generator that samples."""
