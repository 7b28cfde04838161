"""Readers of annotation files, one a format."""

import logging
from pathlib import Path

from posecache.datasets import coco, halpe, mpii
from posecache.datasets.records import Annotations

READERS = {"coco": coco.read, "mpii": mpii.read, "halpe": halpe.read}

logger = logging.getLogger(__name__)

__all__ = ["Annotations", "read"]


def read(
    format: str, annotations: Path, images: Path, skeleton: str, images_list: Path | None = None
) -> Annotations:
    """The usable persons of `annotations`, whose image names are relative to `images`.

    `images_list` is a text file with one image name a line: other images are left out. Raises
    ValueError for an unknown format, a file that is not of its format, and one without anybody.
    """
    if format not in READERS:
        raise ValueError(f"unknown format {format!r}, expected one of {', '.join(READERS)}")
    wanted = None if images_list is None else set(images_list.read_text().split("\n")) - {""}
    found = READERS[format](annotations, images, skeleton, wanted)
    reasons = ", ".join(f"{count} {reason}" for reason, count in found.dropped.items() if count)
    logger.info("%s: %d persons, left out: %s", annotations, len(found.box), reasons or "none")
    return found
