"""Reading a sample set's files, whatever their format."""

import logging
from collections.abc import Mapping
from typing import Any

from posecache import skeletons
from posecache.datasets import coco, detections
from posecache.datasets.detections import PERSON
from posecache.datasets.records import BOX_SHARE, Annotations, Content, Source
from posecache.datasets.settings import FORMATS

logger = logging.getLogger(__name__)


def read(source: Source) -> Annotations:
    """The usable persons of a source; those left out are counted and logged.

    Raises ValueError for an unknown format, for a file that is not of its format, and for a file
    without usable persons.
    """
    if source.boxes is None:
        found = FORMATS[source.format].read(source)
    else:
        found = detections.build(source, _load(source))
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
    content = _load(source)
    content.annotations = [a for a in content.annotations if "keypoints" in a]
    coco.reshape(source, content, skeletons.load(source.skeleton).num_keypoints)
    return {
        "images": list(content.images.values()),
        "annotations": [_complete(annotation) for annotation in content.annotations],
        "categories": [{"id": PERSON, "name": "person"}],
    }


def _load(source: Source) -> Content:
    """Everybody in the file, in the source's skeleton."""
    load = FORMATS[source.format].load
    if load is None:
        raise ValueError(
            f"{source.annotations}: the format {source.format} has neither OKS nor other boxes"
        )
    return load(source)


def _complete(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """An annotation with every key that the evaluation reads."""
    box = annotation.get("bbox", [0.0, 0.0, 0.0, 0.0])
    area = annotation.get("area", box[2] * box[3] * BOX_SHARE)
    own = {"iscrowd": 0, **annotation}
    return own | {"bbox": box, "area": area, "category_id": PERSON}


def _counts(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count) or "none"
