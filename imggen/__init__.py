"""imggen: image generators re-implemented, trained, measured and told as a blog."""

__version__ = "0.1.0"
