"""What training reads: samples with the cached logits of each teacher.

Shapes: B samples, K keypoints of the student, V views, Kt keypoints of a teacher.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posecache.samples.flat_crops import FlatCrops
from posecache.training.shares import Part


@dataclass(frozen=True, kw_only=True)
class CachedViews:
    """One teacher's cached logits."""

    x: np.ndarray  # (B, V, Kt, Wx)
    y: np.ndarray  # (B, V, Kt, Wy)
    matrix: np.ndarray  # (B, V, 2, 3) image px to teacher-input px


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some samples in the student's skeleton."""

    crops: FlatCrops
    crop_matrix: np.ndarray  # (B, 2, 3) image px to crop px
    box: np.ndarray  # (B, 4) xywh image px
    keypoints: np.ndarray  # (B, K, 2) image px, NaN where not labelled
    teachers: Mapping[str, CachedViews]
    part: Part | None = None  # of which global batch; None: of none, it is whole

    def __len__(self) -> int:
        return len(self.box)

    @property
    def total(self) -> int:
        """The number of samples of the global batch."""
        return len(self) if self.part is None else self.part.total

    @property
    def arrays(self) -> list[np.ndarray]:
        """All arrays (B, ...), in the order in which `with_arrays` takes them."""
        own = [self.crop_matrix, self.box, self.keypoints]
        return own + [a for t in self.teachers.values() for a in (t.x, t.y, t.matrix)]

    @property
    def nbytes(self) -> int:
        """Bytes of the crops and all arrays."""
        return self.crops.nbytes + sum(array.nbytes for array in self.arrays)

    def with_arrays(self, crops: FlatCrops, arrays: Sequence[np.ndarray]) -> "Batch":
        """A batch of the same teachers from other crops and arrays."""
        crop_matrix, box, keypoints, *rest = arrays
        parts: Iterator[np.ndarray] = iter(rest)
        teachers = {
            name: CachedViews(x=next(parts), y=next(parts), matrix=next(parts))
            for name in self.teachers
        }
        return Batch(
            crops=crops, crop_matrix=crop_matrix, box=box, keypoints=keypoints, teachers=teachers
        )


class Pool:
    """Rows of several batches, taken without ever being joined: joining would hold them twice."""

    def __init__(self, parts: Sequence[Batch]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        crops = [part.crops for part in parts]
        self._whole = FlatCrops.joined(crops)
        self._images = [] if self._whole else [image for c in crops for image in c.images()]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: np.ndarray) -> Batch:
        """The rows (B,) of the batches laid end to end, as a batch of their own."""
        which = np.searchsorted(self._ends, rows, side="right")
        first = self._parts[0]
        taken = [np.empty((len(rows), *a.shape[1:]), a.dtype) for a in first.arrays]
        for index in np.unique(which):
            part, here = self._parts[index], np.flatnonzero(which == index)
            local = rows[here] - self._ends[index] + len(part)
            for target, array in zip(taken, part.arrays, strict=True):
                target[here] = array[local]
        return first.with_arrays(self._crops(rows), taken)

    def _crops(self, rows: np.ndarray) -> FlatCrops:
        """The rows' crops: where all parts' lie in one buffer there, else copied into a new one."""
        if self._whole is not None:
            return self._whole.rows(rows)
        return FlatCrops.of([self._images[row] for row in rows])
