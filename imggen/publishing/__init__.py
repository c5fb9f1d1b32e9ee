"""A run becomes a folder of docs/."""
