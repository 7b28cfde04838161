"""Reading a sealed store."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from posecache import files
from posecache.stores import shards
from posecache.stores.layout import RAGGED_CHUNK, Layout
from posecache.stores.manifest import read_manifest, wrong_sizes
from posecache.stores.shards import Chunks


class Store:
    """A sealed store, opened through its manifest."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.manifest = folder, read_manifest(folder, kind)
        self.n: int = self.manifest["num_rows"]
        self.identity: dict[str, Any] = self.manifest["identity"]
        self.layout = Layout.parse(self.manifest["layout"])
        self.fingerprint = files.fingerprint([self.identity, self.manifest["shards"]])
        for problem in wrong_sizes(folder, self.manifest):
            raise ValueError(f"{problem}: the store is damaged")
        self._columns: dict[str, np.ndarray] = {}

    def column(self, name: str) -> np.ndarray:
        """A whole column (N, ...), which is kept once it is read: meant for small columns."""
        if name not in self._columns:
            self._columns[name] = self.rows(name, 0, self.layout.num_rows)
        return self._columns[name]

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        """Rows start ... stop - 1 of a column; ValueError names the chunk that is damaged."""
        count = self.layout.num_rows
        assert 0 <= start <= stop <= count, f"rows {start}:{stop} of {count}"
        return read_rows(self.folder, self.layout, name, start, stop)

    def ragged(self, name: str, start: int, stop: int) -> list[memoryview]:
        """The bytes of rows start ... stop - 1 of a ragged column."""
        offsets = self.column(f"{name}_offsets")
        values: list[memoryview] = []
        for shard, low, high in self.layout.pieces(start, stop):
            last_row = self.layout.span(shard)[1] - 1
            path = self.folder / self.layout.ragged_file(name, shard)
            first, last = int(offsets[low, 0]), int(offsets[high - 1, 1])
            joined = np.empty(last - first, np.uint8)
            shards.read(path, ragged_chunks(int(offsets[last_row, 1])), first, joined)
            values += [joined.data[a - first : b - first] for a, b in offsets[low:high].tolist()]
        return values


def read_rows(folder: Path, layout: Layout, name: str, start: int, stop: int) -> np.ndarray:
    """Rows start ... stop - 1 of an array, sealed or not; ValueError if they are damaged."""
    column = layout.arrays[name]
    chunks = Chunks(
        rows=layout.chunk_rows,
        count=layout.shard_rows // layout.chunk_rows,
        shape=column.shape,
        dtype=np.dtype(column.dtype),
        packed=column.shuffle is not None,
    )
    out = np.empty((stop - start, *column.shape), chunks.dtype)
    for shard, low, high in layout.pieces(start, stop):
        path = folder / layout.file(name, shard)
        shards.read(path, chunks, low - layout.span(shard)[0], out[low - start : high - start])
    return out


def ragged_chunks(length: int) -> Chunks:
    """How the bytes of a shard's ragged column are divided into chunks."""
    count = max(math.ceil(length / RAGGED_CHUNK), 1)
    return Chunks(rows=RAGGED_CHUNK, count=count, shape=(), dtype=np.dtype("uint8"), packed=False)
