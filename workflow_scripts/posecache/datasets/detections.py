"""Person detections in COCO's result format, used as boxes in place of the annotated ones.

Source of the rules for who counts: MMPose datasets/datasets/base/base_coco_style_dataset.py.
"""

import numpy as np

from posecache import files, skeletons
from posecache.datasets.records import BOX_SHARE, Annotations, Content, Record, Source

PERSON = 1  # COCO's category
NEEDED = ("image_id", "category_id", "bbox", "score")


def build(source: Source, content: Content) -> Annotations:
    """One row for each detected person, without labels, in the annotation file's order of images.

    Boxes are not clipped and keep their score. ValueError for a file that holds no detections.
    """
    index = {image_id: place for place, image_id in enumerate(content.images)}
    dropped = {"not a person": 0, "of an image that is left out": 0, "box without area": 0}
    rows: list[Record] = []
    for number, row in enumerate(_load(source)):
        reason = _judge(row, index)
        if reason:
            dropped[reason] += 1
        else:
            rows.append(row | {"number": number})
    if not rows:
        raise ValueError(f"{source.boxes}: nobody was detected in the images of this sample set")
    rows.sort(key=lambda row: index[row["image_id"]])
    box = np.array([row["bbox"][:4] for row in rows], np.float32)
    shape = (len(rows), skeletons.load(source.skeleton).num_keypoints)
    return Annotations(
        source=source,
        image_paths=[image["file_name"] for image in content.images.values()],
        image_index=np.array([index[row["image_id"]] for row in rows], np.int64),
        image_id=np.array([row["image_id"] for row in rows], np.int64),
        instance_id=np.array([row["number"] for row in rows], np.int64),
        box=box,
        keypoints=np.full((*shape, 2), np.nan, np.float32),
        visibility=np.zeros(shape, np.uint8),
        area=box[:, 2] * box[:, 3] * BOX_SHARE,
        head_size=np.full(len(rows), np.nan, np.float32),
        box_score=np.array([row["score"] for row in rows], np.float32),
        dropped=dropped,
    )


def _load(source: Source) -> list[Record]:
    assert source.boxes is not None
    rows = files.read_json(source.boxes)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{source.boxes}: no detections, expected a list of records")
    for number, row in enumerate(rows):
        for key in NEEDED:
            if key not in row:
                raise ValueError(f"{source.boxes}: detection {number} has no {key!r}")
    return rows


def _judge(row: Record, index: dict[int, int]) -> str | None:
    """Why a detection is left out; None if it is kept."""
    if row["category_id"] != PERSON:
        return "not a person"
    if row["image_id"] not in index:
        return "of an image that is left out"
    box = np.asarray(row["bbox"][:4], np.float64)
    if len(box) != 4 or not np.isfinite(box).all() or (box[2:] <= 0).any():
        return "box without area"
    return None
