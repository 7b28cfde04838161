"""What readers are given and what they return: the persons of one annotation file as arrays.

Shapes: N persons, M images, K keypoints. Rows of one image are adjacent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]

GROUND_TRUTH = "gt"

# A person's area over the box's, where the file gives none. Source: MMPose and xtcocotools.
BOX_SHARE = 0.53


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files of one sample set."""

    format: str  # the reader's name
    annotations: Path
    image_root: Path
    skeleton: str
    wanted: frozenset[str] | None = None  # names of the images to keep; None: all
    boxes: Path | None = None  # a detector's results, instead of the annotated boxes
    head_boxes: Path | None = None  # mpii_gt_val.mat, for the common MPII JSON

    @property
    def files(self) -> list[Path]:
        """All files that describe the persons."""
        return [f for f in (self.annotations, self.boxes, self.head_boxes) if f is not None]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """The usable persons of an annotation file; positions are 0-based image px."""

    source: Source
    image_paths: list[str]  # (M,) relative to the source's image_root
    image_index: np.ndarray  # (N,) int64 into image_paths
    image_id: np.ndarray  # (N,) int64, the file's own
    instance_id: np.ndarray  # (N,) int64, the file's own or the person's number in it
    box: np.ndarray  # (N, 4) float32 xywh
    keypoints: np.ndarray  # (N, K, 2) float32, NaN where not labelled
    visibility: np.ndarray  # (N, K) uint8: 0 not labelled, 1 hidden, 2 visible
    area: np.ndarray  # (N,) float32 px^2
    head_size: np.ndarray  # (N,) float32 px: 0.6 * head box's diagonal; NaN where unknown
    box_score: np.ndarray  # (N,) float32, 1 for ground truth
    dropped: Mapping[str, int]  # why -> how many persons were left out
    mended: Mapping[str, int] = field(default_factory=dict)  # what -> how many persons had it

    def __post_init__(self) -> None:
        n = len(self.box)
        assert self.box.shape == (n, 4)
        assert self.keypoints.shape == (*self.visibility.shape, 2)
        for column in (self.image_index, self.image_id, self.instance_id, self.visibility):
            assert len(column) == n
        for column in (self.area, self.head_size, self.box_score):
            assert column.shape == (n,)
        assert (np.diff(self.image_index) >= 0).all()
        assert np.array_equal(np.isnan(self.keypoints).any(-1), self.visibility == 0)

    def image_path(self, row: int) -> Path:
        """The image file of a person."""
        return self.source.image_root / self.image_paths[self.image_index[row]]

    def place(self, row: int) -> str:
        """How error messages name a person."""
        file = self.source.boxes or self.source.annotations
        return f"{file}: row {row}, person {self.instance_id[row]}"


@dataclass
class Content:
    """A COCO-like file's wanted images by id and their annotations; keypoints are arrays (K, 3)."""

    images: dict[int, Record]
    annotations: list[Record]
    dropped: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """How a kind of annotation file is read; an entry of FORMATS (settings.py).

    `read` gives the usable persons. `load` gives everybody, crowds and unlabelled people too, in
    the source's skeleton: formats that have `load` can be scored by OKS and can take a detector's
    boxes.
    """

    read: Callable[[Source], Annotations]
    load: Callable[[Source], Content] | None = None


def head_size(boxes_xywh: np.ndarray) -> np.ndarray:
    """PCKh's reference length (N,) of head boxes (N, 4): 0.6 of the diagonal.

    Source: MPII's evaluation code, SC_BIAS; MMPose evaluation/metrics/keypoint_2d_metrics.py.
    """
    return 0.6 * np.hypot(boxes_xywh[:, 2], boxes_xywh[:, 3])
