"""What the sample store and the logit store share: sharded Zarr arrays and a manifest.

A store is a folder with `arrays.zarr` (Zarr v3, leading axis = row) and `manifest.json`, which is
written last: a store is what its manifest says. A shard of rows is one file an array; it is written
once, whole, by one writer (store_writer.py).
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from posecache import files, shards
from posecache.shards import Chunks

FORMAT = 3
MANIFEST = "manifest.json"
SEALED = "sealed.json"  # the manifest's copy: see ledger.py
LEDGER = "ledger"
LOCK = ".lock"  # and .lock-..., one a shard
ARRAYS = "arrays.zarr"
RAGGED_CHUNK = 2**18  # bytes; one training read touches a few
DIGEST = "digest"  # the manifest's key with the digest of all its others


@dataclass(frozen=True, kw_only=True)
class Column:
    """An array of a store: shape and dtype of one row, and how Blosc shuffles it before Zstandard
    packs it; with None it lies there as it is."""

    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    shuffle: Literal["bitshuffle", "noshuffle"] | None = "bitshuffle"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a store will hold. `ragged` names columns of bytes whose rows differ in length."""

    kind: str
    rows: int
    columns: Mapping[str, Column]
    ragged: tuple[str, ...] = ()
    chunk_rows: int = 64
    shard_rows: int = 1024

    def __post_init__(self) -> None:
        if self.chunk_rows <= 0 or self.shard_rows % self.chunk_rows:
            raise ValueError(
                f"shard rows {self.shard_rows}: expected a multiple of chunk rows {self.chunk_rows}"
            )

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
        return math.ceil(self.rows / self.shard_rows)

    def span(self, shard: int) -> tuple[int, int]:
        """First row of a shard, and the row after its last."""
        start = shard * self.shard_rows
        return start, min(start + self.shard_rows, self.rows)

    def stored_rows(self, shard: int) -> int:
        """Rows that a shard has room for: whole chunks."""
        start, stop = self.span(shard)
        return math.ceil((stop - start) / self.chunk_rows) * self.chunk_rows

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The shards of rows start ... stop - 1, each with its first row and the one after."""
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


class Store:
    """A sealed store, opened through its manifest."""

    def __init__(self, folder: Path, kind: str) -> None:
        path = manifest_path(folder)
        self.folder, self.manifest = folder, files.read_json(path)
        found = (self.manifest.get("kind"), self.manifest.get("format"))
        if found != (kind, FORMAT):
            raise ValueError(
                f"{path}: holds {found[0]} of format {found[1]}, expected {kind} of format {FORMAT}"
            )
        if not is_signed(self.manifest):
            raise ValueError(f"{path}: is not as it was sealed: the store is damaged")
        self.n: int = self.manifest["rows"]
        self.identity: dict[str, Any] = self.manifest["identity"]
        self.layout = Layout.parse(self.manifest["layout"])
        self.fingerprint = files.fingerprint([self.identity, self.manifest["shards"]])
        for problem in _sizes(folder, self.manifest):
            raise ValueError(f"{problem}: the store is damaged")
        self._columns: dict[str, np.ndarray] = {}

    def column(self, name: str) -> np.ndarray:
        """A whole column (N, ...), kept once it is read: for the small ones."""
        if name not in self._columns:
            self._columns[name] = self.rows(name, 0, self.n)
        return self._columns[name]

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        """Rows start ... stop - 1 of a column; ValueError names the chunk that is damaged."""
        assert 0 <= start <= stop <= self.n, f"rows {start}:{stop} of {self.n}"
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
    """How the bytes of a shard's ragged column lie."""
    count = max(math.ceil(length / RAGGED_CHUNK), 1)
    return Chunks(rows=RAGGED_CHUNK, count=count, shape=(), dtype=np.dtype("uint8"), packed=False)


def signed(manifest: Mapping[str, Any]) -> str:
    """The manifest file's content: the record and its digest."""
    return files.as_json({**manifest, DIGEST: files.fingerprint(manifest)})


def is_signed(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest's digest is that of what it says."""
    record = {key: value for key, value in manifest.items() if key != DIGEST}
    return manifest.get(DIGEST) == files.fingerprint(record)


def verify(folder: Path) -> list[str]:
    """Everything that is not as the store was sealed, in one line each: nothing if it is whole.

    Every byte is read. Raises ValueError where there is no manifest to compare with.
    """
    path = manifest_path(folder)
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        known = {MANIFEST, SEALED, *(name for name, _ in noted(manifest))}
        whole = is_signed(manifest) and content == files.as_json(manifest).encode()
        problems = [] if whole else [f"{path}: damaged"]
        problems += [*_sizes(folder, manifest), *_contents(folder, manifest)]
    except (ValueError, AttributeError, KeyError, TypeError):
        return [f"{path}: damaged"]
    copy = folder / SEALED
    if not copy.exists() or copy.read_bytes() != content:
        problems.append(f"{copy}: is not the copy of {MANIFEST}")
    return problems + [
        f"{folder / name}: not part of the store" for name in sorted(_present(folder) - known)
    ]


def _present(folder: Path) -> set[str]:
    """The files of a store, without what its writers may have left beside it."""
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    return {name for name in names if not name.startswith((LOCK, f"{LEDGER}/"))}


def manifest_path(folder: Path) -> Path:
    """A sealed store's manifest; ValueError if there is none."""
    path = folder / MANIFEST
    if not path.exists():
        raise ValueError(f"{folder}: not sealed: there is no {MANIFEST}")
    return path


def noted(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each file that the manifest notes, with its bytes and sha256."""
    for facts in (manifest["metadata"], *manifest["shards"]):
        yield from facts.items()


def _sizes(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Files that are missing or of another length."""
    for name, facts in noted(manifest):
        file = folder / name
        size = file.stat().st_size if file.is_file() else "no file"
        if size != facts["bytes"]:
            yield f"{file}: {size}, but {MANIFEST} says {facts['bytes']} bytes"


def _contents(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Files of the right length but another content."""
    for name, facts in noted(manifest):
        file = folder / name
        if not file.is_file() or file.stat().st_size != facts["bytes"]:
            continue
        found = files.sha256(file)
        if found != facts["sha256"]:
            yield f"{file}: sha256 {found}, but {MANIFEST} says {facts['sha256']}"
