"""What MPII's two readers share: the official release's .mat file and the common JSON made from it.

Positions are 1-based in both and become 0-based here. Source of the box: MMPose
datasets/datasets/body/mpii_dataset.py.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from posecache.datasets.records import BOX_SHARE, Annotations, Source, head_size

UNIT = 200.0  # `scale` is a person's height in units of 200 px


@dataclass(frozen=True, kw_only=True)
class People:
    """The usable persons of an MPII file, column by column, with 1-based positions."""

    image: list[int]  # index of the image among the kept ones
    image_id: list[int]
    number: list[int]
    center: list[Any]  # (x, y)
    scale: list[float]
    keypoints: list[np.ndarray]  # (K, 2), NaN where not labelled
    visibility: list[np.ndarray]  # (K,)
    head: list[Any]  # (x1, y1, x2, y2), NaN where unknown


def build(
    source: Source,
    names: list[str],
    people: People,
    dropped: dict[str, int],
) -> Annotations:
    """Arrays of the usable persons, 0-based."""
    if not people.number:
        raise ValueError(
            f"{source.annotations}: nobody with labels (MPII's test split has no labels)"
        )
    corners = np.array(people.head, np.float32)
    box = boxes(np.array(people.center, np.float64), np.array(people.scale, np.float64))
    return Annotations(
        source=source,
        image_paths=names,
        image_index=np.array(people.image, np.int64),
        image_id=np.array(people.image_id, np.int64),
        instance_id=np.array(people.number, np.int64),
        box=box,
        keypoints=(np.stack(people.keypoints) - 1).astype(np.float32),
        visibility=np.stack(people.visibility).astype(np.uint8),
        area=np.maximum(box[:, 2] * box[:, 3] * BOX_SHARE, 1),
        head_size=head_size(corners - corners[:, [0, 1, 0, 1]]).astype(np.float32),
        box_score=np.ones(len(box), np.float32),
        dropped=dropped,
    )


def boxes(center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Square boxes (N, 4) xywh, 0-based px, of 1-based centres (N, 2) and scales (N,).

    MMPose moves the box down a little so that the feet are not cut off.
    """
    side = scale * UNIT
    x, y = center[:, 0] - 1, center[:, 1] + 15 * scale - 1
    return np.stack([x - side / 2, y - side / 2, side, side], axis=1).astype(np.float32)
