"""What the sample store and the logit store share: sharded Zarr arrays, a ledger and a manifest.

A store is a folder with `arrays.zarr` (Zarr v3, leading axis = row), `ledger.jsonl` (which shards
are written and verified) and `manifest.json` (written last: a store is what its manifest says).
A shard of rows is one file an array; it is written once, whole, by one writer.
"""

import json
import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from posecache import files

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.zarr"
LEDGER = "ledger.jsonl"
RAGGED_CHUNK = 2**18  # bytes; one training read touches a few

logger = logging.getLogger(__name__)

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Column:
    """An array of a store: shape and dtype of one row."""

    shape: tuple[int, ...] = ()
    dtype: str = "float32"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a store will hold. `ragged` names columns of bytes whose rows differ in length."""

    kind: str
    rows: int
    columns: Mapping[str, Column]
    ragged: tuple[str, ...] = ()
    chunk_rows: int = 64
    shard_rows: int = 4096

    def __post_init__(self) -> None:
        if self.chunk_rows <= 0 or self.shard_rows % self.chunk_rows:
            raise ValueError(
                f"shard rows {self.shard_rows}: expected a multiple of chunk rows {self.chunk_rows}"
            )

    @property
    def shards(self) -> int:
        """Number of shards."""
        return math.ceil(self.rows / self.shard_rows)

    def span(self, shard: int) -> tuple[int, int]:
        """First row of a shard, and the row after its last."""
        start = shard * self.shard_rows
        return start, min(start + self.shard_rows, self.rows)


class Writer:
    """Fills a store shard by shard; `missing` are the shards still to be written.

    Shards that an earlier, interrupted writer of the same identity finished are kept after their
    checksums are verified; a store of another identity is begun anew.
    """

    def __init__(self, folder: Path, layout: Layout, identity: Mapping[str, Any]) -> None:
        self.folder, self.layout = folder, layout
        self.identity = {"format": FORMAT, "kind": layout.kind, **identity}
        self._key = files.fingerprint(
            [self.identity, layout.rows, layout.chunk_rows, layout.shard_rows]
        )
        self._done = self._resume()
        # What lies here is not whole until it is sealed.
        (folder / MANIFEST).unlink(missing_ok=True)

    @property
    def missing(self) -> list[int]:
        """Shards that are not written yet."""
        return [shard for shard in range(self.layout.shards) if shard not in self._done]

    def write(self, shard: int, columns: Columns, ragged: Mapping[str, Sequence[bytes]]) -> None:
        """Write one shard's rows, read them back, and enter them in the ledger.

        `columns` (rows of the shard, ...) by name; `ragged` one bytes object a row.
        """
        # Zarr would read what lies here and merge; what lies here may be torn.
        for path in _shard_files(self.layout, shard):
            (self.folder / ARRAYS / path).unlink(missing_ok=True)
        offsets = {f"{name}_offsets": _offsets(values) for name, values in ragged.items()}
        # Without this a shard of fill values would be no file, as if it had never been written.
        with zarr.config.set({"array.write_empty_chunks": True}):
            group = zarr.open_group(self.folder / ARRAYS, mode="r+")
            for name, values in ragged.items():
                self._write_ragged(group, name, shard, values)
            for name, column in {**columns, **offsets}.items():
                self._write_rows(group, name, shard, column)
        self._enter(shard)

    def seal(self, **extra: Any) -> None:
        """Write the manifest, which makes the store whole; `extra` entries go into it."""
        assert not self.missing, f"{self.folder}: shards {self.missing} are not written"
        layout = self.layout
        columns = {
            name: {"shape": c.shape, "dtype": c.dtype} for name, c in _columns(layout).items()
        }
        manifest = {
            "format": FORMAT,
            "kind": layout.kind,
            "rows": layout.rows,
            "chunk_rows": layout.chunk_rows,
            "shard_rows": layout.shard_rows,
            "columns": columns,
            "ragged": layout.ragged,
            "codecs": "bytes, blosc(zstd 3, bitshuffle), crc32c",
            "identity": self.identity,
            "shards": [self._done[shard] for shard in range(layout.shards)],
            **extra,
        }
        files.write_json(self.folder / MANIFEST, manifest)

    def _resume(self) -> dict[int, dict[str, Any]]:
        """Verified shards of an earlier writer of the same identity, or a fresh store."""
        entries = _read_ledger(self.folder / LEDGER)
        if entries and entries[0] == {"store": self._key}:
            done = {e["shard"]: e["files"] for e in entries[1:] if self._intact(e["files"])}
            logger.info("%s: %d of %d shards stand", self.folder, len(done), self.layout.shards)
            return done
        if self.folder.exists():
            logger.info("%s: begun anew, as it was made from something else", self.folder)
            shutil.rmtree(self.folder / ARRAYS, ignore_errors=True)
            (self.folder / MANIFEST).unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._create()
        files.write_whole(self.folder / LEDGER, json.dumps({"store": self._key}) + "\n")
        return {}

    def _create(self) -> None:
        group = zarr.create_group(self.folder / ARRAYS, overwrite=True)
        layout = self.layout
        for name, column in _columns(layout).items():
            group.create_array(
                name,
                shape=(layout.rows, *column.shape),
                dtype=column.dtype,
                chunks=(layout.chunk_rows, *column.shape),
                shards=(layout.shard_rows, *column.shape),
                compressors=[
                    BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
                    Crc32cCodec(),
                ],
                fill_value=np.nan if np.dtype(column.dtype).kind == "f" else 0,
            )

    def _write_rows(self, group: zarr.Group, name: str, shard: int, column: np.ndarray) -> None:
        """One column of a shard, read back once it is written."""
        start, stop = self.layout.span(shard)
        assert len(column) == stop - start, f"{name}: {len(column)} rows of {stop - start}"
        array = _array(group, name)
        array[start:stop] = column
        back = np.asarray(array[start:stop])
        nan = back.dtype.kind == "f"
        if not np.array_equal(back, column.astype(back.dtype), equal_nan=nan):
            raise OSError(f"{self.folder}: shard {shard} of {name} reads back differently")

    def _write_ragged(
        self, group: zarr.Group, name: str, shard: int, values: Sequence[bytes]
    ) -> None:
        """All bytes of a shard, end to end, as one array of its own."""
        joined = np.frombuffer(b"".join(values), np.uint8)
        whole = max(math.ceil(len(joined) / RAGGED_CHUNK), 1) * RAGGED_CHUNK
        array = group.create_array(
            f"{name}_{shard:05d}",
            shape=joined.shape,
            dtype="uint8",
            chunks=(RAGGED_CHUNK,),
            shards=(whole,),
            compressors=[Crc32cCodec()],
            overwrite=True,
        )
        array[:] = joined

    def _enter(self, shard: int) -> None:
        """Checksum a shard's files, make them durable, and note them in the ledger."""
        record = {}
        for path in _shard_files(self.layout, shard):
            file = self.folder / ARRAYS / path
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            files.sync_folder(file.parent)
            record[path] = {"bytes": file.stat().st_size, "sha256": files.sha256(file)}
        with (self.folder / LEDGER).open("a") as ledger:
            ledger.write(json.dumps({"shard": shard, "files": record}) + "\n")
            ledger.flush()
            os.fsync(ledger.fileno())
        self._done[shard] = record

    def _intact(self, record: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether files still have the checksums that the ledger noted."""
        for path, facts in record.items():
            file = self.folder / ARRAYS / path
            if not file.is_file() or files.sha256(file) != facts["sha256"]:
                logger.warning("%s: is not what the ledger noted: written again", file)
                return False
        return True


class Store:
    """A sealed store, opened through its manifest."""

    def __init__(self, folder: Path, kind: str) -> None:
        path = folder / MANIFEST
        if not path.exists():
            raise ValueError(f"{folder}: not sealed: there is no {MANIFEST}, expected {kind}")
        self.folder, self.manifest = folder, files.read_json(path)
        found = (self.manifest.get("kind"), self.manifest.get("format"))
        if found != (kind, FORMAT):
            raise ValueError(
                f"{path}: holds {found[0]} of format {found[1]}, expected {kind} of format {FORMAT}"
            )
        self.n: int = self.manifest["rows"]
        self.identity: dict[str, Any] = self.manifest["identity"]
        self.fingerprint = files.fingerprint([self.identity, self.manifest["shards"]])
        self._check_files()
        self._group = zarr.open_group(folder / ARRAYS, mode="r")

    def _check_files(self) -> None:
        """Every file of every shard is there, in its noted size."""
        for shard in self.manifest["shards"]:
            for name, facts in shard.items():
                file = self.folder / ARRAYS / name
                size = file.stat().st_size if file.is_file() else "no file"
                if size != facts["bytes"]:
                    raise ValueError(
                        f"{file}: {size}, but {MANIFEST} says {facts['bytes']} bytes: "
                        "the store is damaged"
                    )

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        """Rows start ... stop - 1 of a column."""
        assert 0 <= start <= stop <= self.n, f"rows {start}:{stop} of {self.n}"
        return np.asarray(_array(self._group, name)[start:stop])

    def ragged(self, name: str, start: int, stop: int) -> list[memoryview]:
        """The bytes of rows start ... stop - 1 of a ragged column."""
        offsets = self.rows(f"{name}_offsets", start, stop)
        shard_rows = self.manifest["shard_rows"]
        values: list[memoryview] = []
        for shard in range(start // shard_rows, math.ceil(stop / shard_rows)):
            low, high = max(start, shard * shard_rows), min(stop, (shard + 1) * shard_rows)
            part = offsets[low - start : high - start]
            first, last = int(part[0, 0]), int(part[-1, 1])
            array = np.asarray(_array(self._group, f"{name}_{shard:05d}")[first:last])
            data = memoryview(array.tobytes())
            values += [data[a - first : b - first] for a, b in part.tolist()]
        return values


def _columns(layout: Layout) -> dict[str, Column]:
    """The layout's columns and the offsets of its ragged ones."""
    offsets = {f"{name}_offsets": Column(shape=(2,), dtype="int64") for name in layout.ragged}
    return {**layout.columns, **offsets}


def _shard_files(layout: Layout, shard: int) -> list[str]:
    """The files that hold a shard's rows, relative to the Zarr group."""
    paths = [
        "/".join([name, "c", str(shard), *["0"] * len(column.shape)])
        for name, column in _columns(layout).items()
    ]
    for name in layout.ragged:
        paths += [f"{name}_{shard:05d}/zarr.json", f"{name}_{shard:05d}/c/0"]
    return paths


def _offsets(values: Sequence[bytes]) -> np.ndarray:
    """First byte and the one after the last (rows, 2) of values that lie end to end."""
    lengths = np.array([len(value) for value in values], np.int64)
    ends = np.cumsum(lengths)
    return np.stack([ends - lengths, ends], axis=1)


def _array(group: zarr.Group, name: str) -> zarr.Array:
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array


def _read_ledger(path: Path) -> list[dict[str, Any]]:
    """The ledger's whole lines; a line that a killed writer left torn ends it."""
    entries = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries
