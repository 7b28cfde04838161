"""Decoded crops of whole sample sets, in one buffer from which batches are read."""

import mmap
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posecache import files
from posecache.devices import pin
from posecache.progress import Bar
from posecache.samples.flat_crops import FlatCrops
from posecache.samples.store import SampleStore
from posecache.training.room import Needs, Place, Room, Wanted, choose

Key = tuple[int, int]  # a set, and a chunk in it


@dataclass(frozen=True)
class Span:
    """Rows start ... stop - 1 of a sample set."""

    samples: SampleStore
    start: int
    stop: int

    @property
    def sizes(self) -> np.ndarray:
        """Width and height (B, 2) int64 of the crops."""
        return self.samples.crop_sizes[self.start : self.stop].astype(np.int64)

    @property
    def pixels(self) -> int:
        """Number of px of all crops."""
        return int(self.sizes.prod(1).sum())


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where a run may keep its crops."""

    pictures: Wanted = "auto"
    device: str = "cpu"
    training: int = 0  # bytes of the GPU's memory that training takes
    folder: Path | None = None  # for a mapped file; None: there is none

    def place(self, crops: int, others: int, memory: int) -> tuple[Place, str]:
        """Where `crops` bytes of decoded crops fit, and why; see room.choose.

        `memory` is what decoded samples may take, `others` what is needed of it besides crops.
        """
        needs = Needs(crops=crops, others=others, training=self.training)
        return choose(self.pictures, needs, Room(gpu=self._gpu, memory=memory, disk=self._disk))

    @property
    def _gpu(self) -> int | None:
        return torch.cuda.mem_get_info()[0] if self.device == "cuda" else None

    @property
    def _disk(self) -> int:
        if self.folder is None:
            return 0
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    def load(self, place: Place, spans: Mapping[Key, Span], threads: int) -> dict[Key, FlatCrops]:
        """The crops of each span, decoded by threads; their px lie in one buffer."""
        sizes = np.concatenate([span.sizes for span in spans.values()])
        ends = np.cumsum([len(span.sizes) for span in spans.values()])
        count = sum(span.pixels for span in spans.values())
        whole = FlatCrops.within(self._buffer(place, count), sizes)
        parts = {
            key: whole.rows(slice(end - len(span.sizes), end))
            for (key, span), end in zip(spans.items(), ends.tolist(), strict=True)
        }
        with (
            ThreadPoolExecutor(threads) as pool,
            Bar(len(sizes), "crop") as bar,
        ):
            for done in pool.map(_fill, parts.values(), spans.values()):
                bar.update(done)
        return parts

    def _buffer(self, place: Place, count: int) -> Tensor:
        """Room for `count` px (P, 3)."""
        if place == "mapped":
            assert self.folder is not None
            return _mapped(self.folder, count)
        if place == "gpu":
            return torch.empty(count, 3, dtype=torch.uint8, device=self.device)
        buffer = torch.empty(count, 3, dtype=torch.uint8)
        return pin(buffer) if self.device == "cuda" else buffer


def _mapped(folder: Path, count: int) -> Tensor:
    """A file without a name: it takes its room at once, and is gone when the process is."""
    with files.naming(folder), tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, 3 * count)
        return torch.frombuffer(mmap.mmap(file.fileno(), 3 * count), dtype=torch.uint8).view(-1, 3)


def _fill(crops: FlatCrops, span: Span) -> int:
    """Decode a span into its place; returns its number of crops."""
    decoded, first = span.samples.crops(span.start, span.stop), int(crops.offset[0])
    crops.pixels[first : first + len(decoded.pixels)].copy_(decoded.pixels)
    return len(crops)
