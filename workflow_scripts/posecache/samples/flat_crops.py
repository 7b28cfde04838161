"""Crops of different sizes in one buffer. Shapes: B crops, P px of all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from posecache.devices import onto


@dataclass(frozen=True)
class FlatCrops:
    """Crops whose px lie end to end, row by row of each."""

    pixels: Tensor  # (P, 3) uint8 RGB, on any device
    offset: np.ndarray  # (B,) int64, each crop's first px
    size: np.ndarray  # (B, 2) int64 width, height

    @staticmethod
    def empty(size: np.ndarray) -> "FlatCrops":
        """Room for crops of these sizes (B, 2), in main memory."""
        counts = size.astype(np.int64).prod(1)
        pixels = torch.empty(int(counts.sum()), 3, dtype=torch.uint8)
        return FlatCrops(pixels, np.cumsum(counts) - counts, size.astype(np.int64))

    @staticmethod
    def of(images: Sequence[np.ndarray]) -> "FlatCrops":
        """Copies of images (h, w, 3) uint8 RGB."""
        crops = FlatCrops.empty(np.array([image.shape[1::-1] for image in images]).reshape(-1, 2))
        crops.fill(images)
        return crops

    def fill(self, images: Iterable[np.ndarray]) -> None:
        """Write one image (h, w, 3) of the right size into each crop's place."""
        for place, image in zip(self.images(), images, strict=True):
            place[:] = image

    def __len__(self) -> int:
        return len(self.offset)

    @property
    def nbytes(self) -> int:
        """Bytes of the buffer and of the places in it."""
        return self.pixels.nbytes + self.offset.nbytes + self.size.nbytes

    def onto(self, device: torch.device) -> "FlatCrops":
        """The same crops on a device."""
        return replace(self, pixels=onto(self.pixels, device))

    def images(self, rows: Sequence[int] | np.ndarray | slice = slice(None)) -> list[np.ndarray]:
        """Views (h, w, 3) of the crops, or of some `rows` of them, in main memory."""
        pixels, (widths, heights) = self.pixels.numpy(), self.size[rows].T.tolist()
        places = zip(self.offset[rows].tolist(), widths, heights, strict=True)
        return [
            pixels[start : start + width * height].reshape(height, width, 3)
            for start, width, height in places
        ]
