"""MPII: the official release's .mat file, or the common JSON made from it, by the file's suffix."""

from posecache.datasets import mpii_json, mpii_release
from posecache.datasets.records import Annotations, Format, Source


def read(source: Source) -> Annotations:
    """People with labels, position and scale."""
    reader = mpii_json if source.annotations.suffix == ".json" else mpii_release
    return reader.read(source)


FORMAT = Format(read)
