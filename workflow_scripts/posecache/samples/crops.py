"""Cutting the enlarged crop around each person of a training set."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from posecache import geometry
from posecache.contract import PADDING
from posecache.datasets.records import Annotations
from posecache.samples.pictures import Picture, Size, encode, opened, warp
from posecache.samples.settings import Crops
from posecache.threads import ahead, ranges


class Cut(NamedTuple):
    """Persons' crops, one entry a person."""

    matrices: Sequence[np.ndarray]  # (2, 3), image px to crop px
    sizes: Sequence[Size]
    jpegs: Sequence[bytes]


@dataclass(frozen=True)
class CropCutter:
    """Cuts the crops of an annotation file's persons, some rows at a time, in threads."""

    annotations: Annotations
    digests: np.ndarray  # (M, 16) uint8, of the image files
    crops: Crops
    rows_a_batch: int
    threads: int

    def cut(self, start: int, stop: int) -> Cut:
        """The crops of rows start ... stop - 1.

        Raises ValueError naming the person for an image that is missing or broken.
        """
        batches = ranges(start, stop, self.rows_a_batch)
        parts = ahead(self._cut, batches, threads=self.threads)
        return Cut(*zip(*chain.from_iterable(parts), strict=True))

    def _cut(self, rows: range) -> list[tuple[np.ndarray, Size, bytes]]:
        """Matrix, size and JPEG of each row's crop."""
        matrices, sides = frames(self.annotations.box[rows.start : rows.stop], self.crops)
        images = opened(self._picture(row) for row in rows)
        cut = []
        for image, matrix, side in zip(images, matrices, sides, strict=True):
            inside, size = clipped(matrix, side, image)
            crop = warp(image, inside, size)
            cut.append((inside, size, encode(crop, self.crops.quality)))
        return cut

    def _picture(self, row: int) -> Picture:
        digest = self.digests[self.annotations.image_index[row]].tobytes()
        return Picture(self.annotations.image_path(row), self.annotations.place(row), digest)


def frames(boxes: np.ndarray, crops: Crops) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (B, 2, 3), image px to crop px, and sides (B,) in px of square crops around boxes
    (B, 4) xywh.

    A crop never has more px than the picture under it: where it would, the picture's own px are
    taken, so that nothing is resampled.
    """
    matrices = geometry.box_matrices(
        boxes, (crops.size, crops.size), PADDING * crops.context
    ).numpy()
    scale = np.maximum(matrices[:, :1, 0], 1)
    shift = np.where(scale > 1, np.ceil(matrices[:, :, 2] / scale), matrices[:, :, 2])
    linear = matrices[:, :, :2] / scale[:, :, None]
    sides = np.minimum(np.ceil(crops.size / scale[:, 0]) + 1, crops.size)
    return np.concatenate([linear, shift[:, :, None]], axis=2), sides


def clipped(matrix: np.ndarray, side: float, image: np.ndarray) -> tuple[np.ndarray, Size]:
    """The part of a square crop in which an image (H, W, 3) lies: its matrix (2, 3) and size.

    Outside of it the crop is black, as whatever is cut from a crop is outside of that.
    """
    scale, shift = matrix[0, 0], matrix[:, 2]
    low = np.clip(np.floor(shift - scale) + 1, 0, side - 1)
    high = np.clip(np.ceil(shift + scale * np.array(image.shape[1::-1])), low + 1, side)
    width, height = (high - low).astype(int).tolist()
    return np.c_[matrix[:, :2], shift - low], (width, height)
