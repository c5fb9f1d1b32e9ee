"""imggen: image generators re-implemented, trained, measured and told as a blog."""

from imggen.system import early

__version__ = "0.1.0"

early.watch()
