"""Crops of different sizes in one buffer. Shapes: B crops, P px of all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posecache.devices import onto, spans_onto

PLACE_BYTES = 24  # of a crop's place and size


@dataclass(frozen=True)
class FlatCrops:
    """Crops whose px lie end to end, row by row of each."""

    pixels: Tensor  # (P, 3) uint8 RGB, on any device
    offset: np.ndarray  # (B,) int64, each crop's first px
    size: np.ndarray  # (B, 2) int64 width, height

    @staticmethod
    def empty(size: np.ndarray, *, pinned: bool = False) -> "FlatCrops":
        """Room for crops of these sizes (B, 2), in main memory."""
        count = int(size.astype(np.int64).prod(1).sum())
        return FlatCrops.within(torch.empty(count, 3, dtype=torch.uint8, pin_memory=pinned), size)

    @staticmethod
    def within(pixels: Tensor, size: np.ndarray) -> "FlatCrops":
        """Crops of these sizes (B, 2) that fill a buffer (P, 3)."""
        counts = size.astype(np.int64).prod(1)
        return FlatCrops(pixels, np.cumsum(counts) - counts, size.astype(np.int64))

    @staticmethod
    def of(images: Sequence[np.ndarray]) -> "FlatCrops":
        """Copies of images (h, w, 3) uint8 RGB."""
        crops = FlatCrops.empty(np.array([image.shape[1::-1] for image in images]).reshape(-1, 2))
        crops.fill(images)
        return crops

    @staticmethod
    def joined(parts: Sequence["FlatCrops"]) -> "FlatCrops | None":
        """The crops of all parts if they lie in one buffer; otherwise None."""
        if len({id(part.pixels) for part in parts}) != 1:
            return None
        offset, size = ([getattr(part, name) for part in parts] for name in ("offset", "size"))
        return FlatCrops(parts[0].pixels, np.concatenate(offset), np.concatenate(size))

    def fill(self, images: Iterable[np.ndarray]) -> None:
        """Write one image (h, w, 3) of the right size into each crop's place."""
        for place, image in zip(self.images(), images, strict=True):
            place[:] = image

    def __len__(self) -> int:
        return len(self.offset)

    @property
    def nbytes(self) -> int:
        """Bytes of the crops' px and of their places; the buffer may hold others' too."""
        return 3 * int(self.size.prod(1).sum()) + PLACE_BYTES * len(self)

    def rows(self, rows: np.ndarray | slice) -> "FlatCrops":
        """Some of the crops, in the same buffer."""
        return FlatCrops(self.pixels, self.offset[rows], self.size[rows])

    def onto(self, device: torch.device) -> "FlatCrops":
        """The same crops on a device; these alone are sent there."""
        if device.type == self.pixels.device.type:
            return self
        if self.pixels.is_pinned():
            pixels = spans_onto(self.pixels, self.offset, self.size.prod(1), device)
        else:
            packed = FlatCrops.empty(self.size, pinned=True)
            packed.fill(self.images())
            pixels = onto(packed.pixels, device)
        return FlatCrops.within(pixels, self.size)

    def images(self, rows: Sequence[int] | np.ndarray | slice = slice(None)) -> list[np.ndarray]:
        """Views (h, w, 3) of the crops, or of some `rows` of them, in main memory."""
        pixels, (widths, heights) = self.pixels.numpy(), self.size[rows].T.tolist()
        places = zip(self.offset[rows].tolist(), widths, heights, strict=True)
        return [
            pixels[start : start + width * height].reshape(height, width, 3)
            for start, width, height in places
        ]
