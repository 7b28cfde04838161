"""posecache: distil human-pose models from cached teachers."""

__version__ = "0.1.0"
