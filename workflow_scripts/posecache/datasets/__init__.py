"""Datasets: the persons of annotation files; each format is an entry of FORMATS."""

from posecache.datasets.reading import read, truth
from posecache.datasets.records import Annotations, Source

__all__ = ["Annotations", "Source", "read", "truth"]
