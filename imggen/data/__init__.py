"""Images by name, in memory or on disk."""
