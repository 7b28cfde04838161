"""What MPII's two readers share: the official release's .mat file and the common JSON made from it.

Positions are 1-based in both and become 0-based here. Source of the box: MMPose
datasets/datasets/body/mpii_dataset.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posecache.datasets.records import BOX_SHARE, LIMIT, Annotations, Source, head_size

NUM_KEYPOINTS = 16
UNIT = 200.0  # `scale` is a person's height in units of 200 px
LARGEST = 1000.0  # scale; the release's largest is 12


@dataclass(frozen=True, kw_only=True)
class People:
    """The usable persons of an MPII file, N rows by image, with 1-based positions."""

    image: np.ndarray  # (N,) index among the kept images
    image_id: np.ndarray  # (N,)
    number: np.ndarray  # (N,) in the file
    center: np.ndarray  # (N, 2)
    scale: np.ndarray  # (N,)
    keypoints: np.ndarray  # (N, K, 2), NaN where not labelled
    visibility: np.ndarray  # (N, K)
    head: np.ndarray  # (N, 4): x1, y1, x2, y2, NaN where unknown


def build(
    source: Source, names: Sequence[str], people: People, dropped: dict[str, int]
) -> Annotations:
    """Arrays of the usable persons, 0-based."""
    if not len(people.number):
        raise ValueError(
            f"{source.annotations}: nobody with labels (MPII's test split has no labels)"
        )
    box, corners = boxes(people.center, people.scale), people.head.astype(np.float32)
    return Annotations(
        source=source,
        image_paths=list(names),
        image_index=people.image.astype(np.int64),
        image_id=people.image_id.astype(np.int64),
        instance_id=people.number.astype(np.int64),
        box=box,
        keypoints=(people.keypoints - 1).astype(np.float32),
        visibility=people.visibility.astype(np.uint8),
        area=np.maximum(box[:, 2] * box[:, 3] * BOX_SHARE, 1),
        head_size=head_size(corners - corners[:, [0, 1, 0, 1]]),
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


def load_mat(path: Path, **options: Any) -> dict[str, Any]:
    """A MATLAB file's variables; ValueError if it is none."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        return scipy.io.loadmat(path, **options)
    except Exception as error:  # a broken file can make scipy raise anything
        raise ValueError(f"{path}: not a whole MATLAB file ({error})") from None


def in_range(numbers: np.ndarray) -> bool:
    """Whether all are numbers that positions and lengths in px may be."""
    return bool((np.abs(numbers) <= LIMIT).all())
