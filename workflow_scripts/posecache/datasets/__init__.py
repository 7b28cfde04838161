"""Readers of annotation files, one a format."""

import logging
from collections.abc import Mapping
from typing import Any

from posecache import skeletons
from posecache.datasets import coco, crowdpose, detections, halpe, mpii_json, mpii_release
from posecache.datasets.detections import PERSON
from posecache.datasets.records import BOX_SHARE, Annotations, Source


def _read_mpii(source: Source) -> Annotations:
    """The common JSON or the official release, by the file's suffix."""
    if source.annotations.suffix == ".json":
        return mpii_json.read(source)
    return mpii_release.read(source)


READERS = {
    "coco": coco.read,
    "crowdpose": crowdpose.read,
    "halpe": halpe.read,
    "mpii": _read_mpii,
}
# Formats whose people are scored by OKS, and may be looked for in a detector's boxes.
OKS_FORMATS = {"coco": coco.load, "crowdpose": crowdpose.load, "halpe": halpe.load}

logger = logging.getLogger(__name__)

__all__ = ["Annotations", "Source", "read", "truth"]


def read(source: Source) -> Annotations:
    """The usable persons of a source; who is left out is counted and logged.

    Raises ValueError for an unknown format, a file that is not of its format, and one without
    anybody.
    """
    if source.format not in READERS:
        raise ValueError(f"unknown format {source.format!r}, expected one of {', '.join(READERS)}")
    if source.boxes is None:
        found = READERS[source.format](source)
    elif source.format in OKS_FORMATS:
        found = detections.build(source, OKS_FORMATS[source.format](source))
    else:
        raise ValueError(f"format {source.format}: {source.boxes} cannot replace its boxes")
    logger.info(
        "%s: %d persons in %d images; left out: %s; mended: %s",
        source.annotations,
        len(found.box),
        len(found.image_paths),
        _counts(found.dropped),
        _counts(found.mended),
    )
    return found


def truth(source: Source) -> dict[str, Any]:
    """The COCO record of a source: its images and all their annotations in its skeleton.

    Crowds and unlabelled people are in it, as they count in COCO's evaluation.
    """
    content = OKS_FORMATS[source.format](source)
    content.annotations = [a for a in content.annotations if "keypoints" in a]
    coco.reshape(source, content, skeletons.load(source.skeleton).num_keypoints)
    return {
        "images": list(content.images.values()),
        "annotations": [_complete(annotation) for annotation in content.annotations],
        "categories": [{"id": PERSON, "name": "person"}],
    }


def _complete(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """An annotation with every key that the evaluation reads."""
    box = annotation.get("bbox", [0.0, 0.0, 0.0, 0.0])
    area = annotation.get("area", box[2] * box[3] * BOX_SHARE)
    own = {"iscrowd": 0, **annotation}
    return own | {"bbox": box, "area": area, "category_id": PERSON}


def _counts(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count) or "none"
