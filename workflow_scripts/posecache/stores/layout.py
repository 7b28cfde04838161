"""What a store will hold, and in which files."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

ARRAYS = "arrays.zarr"
RAGGED_CHUNK = 2**18  # bytes; one training read touches a few


@dataclass(frozen=True, kw_only=True)
class Column:
    """An array of a store: shape and dtype of one row, and how Blosc shuffles it before Zstandard
    packs it; with None it is not packed."""

    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    shuffle: Literal["bitshuffle", "noshuffle"] | None = "bitshuffle"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a store will hold. `ragged` names columns of bytes whose rows differ in length."""

    kind: str
    num_rows: int
    columns: Mapping[str, Column]
    ragged: tuple[str, ...] = ()
    chunk_rows: int
    shard_rows: int

    def __post_init__(self) -> None:
        assert self.shard_rows % self.chunk_rows == 0

    @staticmethod
    def parse(record: Mapping[str, Any]) -> "Layout":
        """The layout that a manifest or a ledger holds."""
        columns = {
            name: Column(**{**column, "shape": tuple(column["shape"])})
            for name, column in record["columns"].items()
        }
        return Layout(**{**record, "columns": columns, "ragged": tuple(record["ragged"])})

    @property
    def shards(self) -> int:
        """Number of shards."""
        return math.ceil(self.num_rows / self.shard_rows)

    def span(self, shard: int) -> tuple[int, int]:
        """First row of a shard, and the row after its last."""
        start = shard * self.shard_rows
        return start, min(start + self.shard_rows, self.num_rows)

    def stored_rows(self, shard: int) -> int:
        """Number of rows that a shard has room for, in whole chunks."""
        start, stop = self.span(shard)
        return math.ceil((stop - start) / self.chunk_rows) * self.chunk_rows

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The shards of rows start ... stop - 1, each as (shard, first row, row after the last)."""
        for shard in range(start // self.shard_rows, math.ceil(stop / self.shard_rows)):
            first, last = self.span(shard)
            yield shard, max(start, first), min(stop, last)

    def file(self, name: str, shard: int) -> str:
        """The file of an array's shard, relative to the store."""
        zeros = ["0"] * len(self.arrays[name].shape)
        return "/".join([ARRAYS, name, "c", str(shard), *zeros])

    def ragged_file(self, name: str, shard: int) -> str:
        """The file of a ragged column's shard, relative to the store."""
        return f"{ARRAYS}/{name}_{shard:05d}/c/0"

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's columns before compression; ragged ones are not counted."""
        return sum(
            math.prod(column.shape) * np.dtype(column.dtype).itemsize
            for column in self.arrays.values()
        )

    @property
    def files(self) -> int:
        """Number of files of the sealed store."""
        arrays, ragged = len(self.arrays), len(self.ragged)
        return 3 + arrays + self.shards * (arrays + 2 * ragged)

    @property
    def arrays(self) -> dict[str, Column]:
        """The columns and the offsets of the ragged ones."""
        offsets = {f"{name}_offsets": Column(shape=(2,), dtype="int64") for name in self.ragged}
        return {**self.columns, **offsets}
