"""Measures of coherence and variety: arrays of features in, numbers out."""
