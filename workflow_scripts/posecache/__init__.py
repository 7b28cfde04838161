"""posecache: distil human-pose models from cached teachers."""

__version__ = "0.2.0"
