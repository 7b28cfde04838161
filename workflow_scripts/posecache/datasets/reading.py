"""Reading a sample set's files, whatever their format."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from posecache.datasets import detections
from posecache.datasets.coco_file import PERSON
from posecache.datasets.detections import Pictures
from posecache.datasets.records import Annotations, Content, Source
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
        found = detections.build(source, source.boxes, Pictures.of(_load(source)))
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

    Crowds and unlabelled people are in it, as they count in COCO's evaluation. Annotations are
    numbered from 1: pycocotools takes a match with the annotation 0 for no match.
    """
    content = _load(source)
    return {
        "images": msgspec.to_builtins(content.images),
        "annotations": list(_annotations(content.take(content.has_keypoints))),
        "categories": [{"id": PERSON, "name": "person"}],
    }


def _annotations(content: Content) -> Iterator[dict[str, Any]]:
    """Everybody as COCO has them, but with keypoints as arrays (K, 3)."""
    columns = {
        "image_id": [content.images[index].id for index in content.image_index],
        "keypoints": content.keypoints,
        "num_keypoints": (content.keypoints[:, :, 2] > 0).sum(1).tolist(),
        "bbox": np.nan_to_num(content.box).tolist(),
        "area": np.nan_to_num(content.area).tolist(),
        "iscrowd": content.crowd.astype(int).tolist(),
    }
    for number, row in enumerate(zip(*columns.values(), strict=True), start=1):
        yield {"id": number, "category_id": PERSON, **dict(zip(columns, row, strict=True))}


def _load(source: Source) -> Content:
    """Everybody in the file, in the source's skeleton."""
    load = FORMATS[source.format].load
    if load is None:
        raise ValueError(
            f"{source.annotations}: the format {source.format} has neither OKS nor other boxes"
        )
    return load(source)


def _counts(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count) or "none"
