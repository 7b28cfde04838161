"""The typed, closed configuration, checked before any job starts.

Nothing here imports torch, OpenCV or pandas: Snakemake reads the configuration at every start.
"""

from posecache.config.loading import load, parse
from posecache.config.schema import Config

__all__ = ["Config", "load", "parse"]
