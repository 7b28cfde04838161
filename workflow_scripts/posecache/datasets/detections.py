"""Person detections in COCO's result format, used as boxes in place of the annotated ones.

Source of the rules for who counts: MMPose datasets/datasets/base/base_coco_style_dataset.py.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from posecache import decoding, skeletons
from posecache.datasets.records import BOX_SHARE, Annotations, Content, Id, Px, Source


class Detection(Struct, gc=False):
    """A detected object; some detectors write a box's score as its fifth number."""

    image_id: Id
    category_id: Id
    bbox: Annotated[list[Px], Meta(min_length=4, max_length=5)]  # xywh
    score: Annotated[float, Meta(ge=-1e6, le=1e6)]


def build(source: Source, content: Content) -> Annotations:
    """One row for each detected person, without labels, in the annotation file's order of images.

    Boxes are not clipped and keep their score. ValueError for a file that holds no detections.
    """
    assert source.boxes is not None
    found = decoding.read(source.boxes, list[Detection], "detections")
    number, image, dropped = _usable(found, content)
    if not len(number):
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
        raise ValueError(f"{source.boxes}: nobody was detected in this sample set ({counts})")
    rows = [found[row] for row in number]
    box = np.array([row.bbox[:4] for row in rows], np.float32)
    shape = (len(rows), skeletons.load(source.skeleton).num_keypoints)
    return Annotations(
        source=source,
        image_paths=[image.file_name for image in content.images],
        image_size=content.image_size,
        image_index=image,
        image_id=np.array([row.image_id for row in rows], np.int64),
        instance_id=number,
        box=box,
        keypoints=np.full((*shape, 2), np.nan, np.float32),
        visibility=np.zeros(shape, np.uint8),
        area=box[:, 2] * box[:, 3] * BOX_SHARE,
        head_size=np.full(len(rows), np.nan, np.float32),
        box_score=np.array([row.score for row in rows], np.float32),
        dropped=dropped,
    )


def _usable(
    found: Sequence[Detection], content: Content
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Numbers and images (N,) of the usable detections by image, and how many others there are."""
    places = {image.id: place for place, image in enumerate(content.images)}
    image = np.array([places.get(row.image_id, -1) for row in found], np.int64)
    person = np.array([row.category_id == content.person for row in found], bool)
    wanted, box = person & (image >= 0), np.array([row.bbox[:4] for row in found]).reshape(-1, 4)
    area = (box[:, 2:] > 0).all(1)
    size = content.image_size[np.where(wanted, image, 0)]
    inside = ((box[:, :2] < size) & (box[:, :2] + box[:, 2:] > 0)).all(1)
    reasons = {
        "not a person": ~person,
        "of an image that is left out": person & ~wanted,
        "box without area": wanted & ~area,
        "outside the image": wanted & area & ~inside,
    }
    number = np.flatnonzero(wanted & area & inside)
    number = number[np.argsort(image[number], kind="stable")]
    return number, image[number], {name: int(rows.sum()) for name, rows in reasons.items()}
