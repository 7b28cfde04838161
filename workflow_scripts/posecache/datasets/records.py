"""What readers are given and what they return: the persons of one annotation file as arrays.

Shapes: N persons, M images, K keypoints. Rows of one image are adjacent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Final, Self

import numpy as np
from msgspec import Meta, Struct

from posecache import skeletons

GROUND_TRUTH: Final = "gt"
DETECTIONS = "detections"  # the format of a detector's results alone

# What numbers and names in annotation files may be.
LIMIT = 1e6  # px; float32 tells 1/16 px apart there
Id = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
FileName = Annotated[str, Meta(min_length=1)]
Px = Annotated[float, Meta(ge=-LIMIT, le=LIMIT)]
Length = Annotated[float, Meta(ge=0, le=LIMIT)]  # px
Side = Annotated[float, Meta(ge=1, le=LIMIT, multiple_of=1)]  # px; some files have 640.0
Area = Annotated[float, Meta(ge=0, le=LIMIT**2)]  # px^2
Box = tuple[Px, Px, Length, Length]  # xywh

# A person's area over the box's, where the file gives none. Source: MMPose and xtcocotools.
BOX_SHARE = 0.53


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files of one sample set."""

    format: str  # the reader's name
    annotations: Path
    image_root: Path
    skeleton: str  # skeletons.NONE: the people's labels, if they have any, are not read
    wanted: frozenset[str] | None = None  # names of the images to keep; None: all
    boxes: Path | None = None  # a detector's results, instead of the annotated boxes
    min_box_score: float | None = None  # of the detections to keep; None: all
    head_boxes: Path | None = None  # mpii_gt_val.mat, for the common MPII JSON

    @property
    def labelled(self) -> bool:
        """Whether the people's keypoints are read."""
        return self.skeleton != skeletons.NONE

    @property
    def detections(self) -> Path | None:
        """The detector's results that the boxes are from; None if they are annotated."""
        return self.annotations if self.format == DETECTIONS else self.boxes

    def check_wanted(self, names: Iterable[str]) -> None:
        """ValueError if a wanted image is not among these names, those of the annotation file."""
        missing = sorted((self.wanted or frozenset()) - set(names))
        if missing:
            raise ValueError(
                f"{self.annotations}: has no image {missing[0]!r}, which `images_list` names "
                f"({len(missing)} such names)"
            )

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
    keypoints: np.ndarray  # (N, K, 2) float32, NaN where not labelled; K is 0 without labels
    visibility: np.ndarray  # (N, K) uint8: 0 not labelled, 1 hidden, 2 visible
    area: np.ndarray  # (N,) float32 px^2
    head_size: np.ndarray  # (N,) float32 px: 0.6 * head box's diagonal; NaN where unknown
    box_score: np.ndarray  # (N,) float32, 1 for ground truth
    dropped: Mapping[str, int]  # why -> how many persons were left out
    mended: Mapping[str, int] = field(default_factory=dict)  # what -> how many persons had it
    image_size: np.ndarray | None = None  # (M, 2) int64: width, height as the file says; px

    def __post_init__(self) -> None:
        n = len(self.box)
        assert self.box.shape == (n, 4)
        assert self.keypoints.shape == (*self.visibility.shape, 2)
        for column in (self.image_index, self.image_id, self.instance_id, self.visibility):
            assert len(column) == n
        for column in (self.area, self.head_size, self.box_score):
            assert column.shape == (n,)
        assert (np.diff(self.image_index) >= 0).all()
        assert self.image_size is None or self.image_size.shape == (len(self.image_paths), 2)
        assert np.array_equal(np.isnan(self.keypoints).any(-1), self.visibility == 0)

    def image_path(self, row: int) -> Path:
        """The image file of a person."""
        return self.source.image_root / self.image_paths[self.image_index[row]]

    def place(self, row: int) -> str:
        """How error messages name a person."""
        file = self.source.boxes or self.source.annotations
        return f"{file}: row {row}, person {self.instance_id[row]}"


class Image(Struct, gc=False):
    """An image of a COCO-like file."""

    id: Id
    file_name: FileName
    width: Side
    height: Side


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everybody in the wanted images of a COCO-like file, in the file's order; image px."""

    images: Sequence[Image]  # (M,)
    image_index: np.ndarray  # (N,) int64 into images
    instance_id: np.ndarray  # (N,) int64
    keypoints: np.ndarray  # (N, K, 3) float64: x, y, and 0 not labelled, 1 hidden, 2 visible
    has_keypoints: np.ndarray  # (N,) bool: the file gives some, though perhaps none is labelled
    num_keypoints: np.ndarray  # (N,) int64: how many are labelled by the file's count; -1: unknown
    box: np.ndarray  # (N, 4) float64 xywh, NaN where the file has none
    area: np.ndarray  # (N,) float64 px^2, NaN where there is neither area nor box
    head_box: np.ndarray  # (N, 4) float64 xywh, NaN where the file has none
    crowd: np.ndarray  # (N,) bool
    person: int  # the id of the people's category
    dropped: Mapping[str, int] = field(default_factory=dict)
    mended: Mapping[str, int] = field(default_factory=dict)

    @property
    def image_size(self) -> np.ndarray:
        """Width and height (M, 2) of the images."""
        return np.array([(i.width, i.height) for i in self.images], np.int64).reshape(-1, 2)

    def take(self, rows: np.ndarray) -> Self:
        """Only these rows (N,) bool."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays = {n: c[rows] for n, c in columns.items() if isinstance(c, np.ndarray)}
        return replace(self, **arrays)


@dataclass(frozen=True)
class Format:
    """How a kind of annotation file is read; an entry of FORMATS (settings.py).

    `read` gives the usable persons. `load` gives everybody, crowds and unlabelled people too, in
    the source's skeleton: formats that have `load` can be scored by OKS and can take a detector's
    boxes.
    """

    read: Callable[[Source], Annotations]
    load: Callable[[Source], Content] | None = None


def check_head_sizes(head_size: np.ndarray, place: Callable[[int], str]) -> None:
    """ValueError at the `place` of the first person (N,) without a head size, which PCKh needs."""
    unknown = np.flatnonzero(~(head_size > 0))
    if len(unknown):
        raise ValueError(f"{place(int(unknown[0]))}: PCKh needs a head box, it has none")


def head_size(boxes_xywh: np.ndarray) -> np.ndarray:
    """PCKh's reference length (N,) of head boxes (N, 4): 0.6 of the diagonal.

    Source: MPII's evaluation code, SC_BIAS; MMPose evaluation/metrics/keypoint_2d_metrics.py.
    """
    return 0.6 * np.hypot(boxes_xywh[:, 2], boxes_xywh[:, 3])
