"""Writing a store: shard by shard, each entered in a ledger once it is whole, sealed at last.

`ledger/` lies beside the arrays until the store is sealed: one file a finished shard, so that
several jobs may write shards of one store, and a killed one loses at most the shard in hand.
"""

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec, Crc32cCodec

from posecache import files
from posecache.store import (
    ARRAYS,
    FORMAT,
    MANIFEST,
    RAGGED_CHUNK,
    Column,
    Layout,
    ragged_chunks,
    read_rows,
    signed,
)

LEDGER = "ledger"
PLAN = "plan.json"  # in the ledger: layout, identity, and what the manifest will tell
LOCK = ".lock"
RATE = "samples_per_s"

logger = logging.getLogger(__name__)

Columns = Mapping[str, np.ndarray]


class Writer:
    """Fills the shards of a store that are `missing`, all or this job's `own`.

    Shards that an earlier, interrupted writer of the same identity finished are kept after their
    checksums are verified; a store of another identity is begun anew.
    """

    def __init__(
        self,
        folder: Path,
        layout: Layout,
        identity: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
        own: Sequence[int] | None = None,
    ) -> None:
        """`about` goes into the manifest beside the identity."""
        self.folder, self.layout = folder, layout
        own = range(layout.shards) if own is None else own
        self.plan = {
            "layout": asdict(layout),
            "identity": {"format": FORMAT, "kind": layout.kind, **identity},
            "about": dict(about or {}),
        }
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / LOCK, wait=True):
            self._begin()
        done = [shard for shard in own if _stands(folder, shard)]
        logger.info("%s: %d of %d shards stand", folder, len(done), len(own))
        self.missing = [shard for shard in own if shard not in done]

    def write(
        self,
        shard: int,
        columns: Columns,
        ragged: Mapping[str, Sequence[bytes]],
        runtime: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one shard's rows, read them back, and enter them in the ledger.

        `columns` (rows of the shard, ...) by name; `ragged` one bytes object a row; `runtime` is
        what the manifest shall tell of how the shard was made. Raises ValueError while another
        job writes this shard.
        """
        entry, started = _entry(self.folder, shard), time.perf_counter()
        with _locked(entry.with_suffix(".lock"), wait=False):
            # Zarr would read what lies here and merge; what lies here may be torn.
            for path in _shard_files(self.layout, shard):
                (self.folder / path).unlink(missing_ok=True)
            offsets = {f"{name}_offsets": _offsets(values) for name, values in ragged.items()}
            # Without this a shard of fill values would be no file, as if never written.
            with zarr.config.set({"array.write_empty_chunks": True}):
                group = zarr.open_group(self.folder / ARRAYS, mode="r+")
                for name, values in ragged.items():
                    _write_ragged(group, f"{name}_{shard:05d}", values)
                for name, column in {**columns, **offsets}.items():
                    self._write_rows(group, name, shard, column)
            facts = _facts(self.folder, _shard_files(self.layout, shard), durable=True)
            seconds = {"seconds_writing": time.perf_counter() - started}
            files.write_json(entry, {"files": facts, "runtime": {**(runtime or {}), **seconds}})
        self.missing = [s for s in self.missing if s != shard]

    def seal(self) -> None:
        """Write the manifest, which makes the store whole."""
        seal(self.folder)

    def _begin(self) -> None:
        """Take up the store that lies here if it is of this plan, or begin a new one."""
        plan, manifest = self.folder / LEDGER / PLAN, self.folder / MANIFEST
        if manifest.exists() and not plan.exists():
            self._unseal()
        if plan.exists() and self._is_mine(files.read_json(plan)):
            # What lies here is not whole until it is sealed.
            manifest.unlink(missing_ok=True)
            return
        if (self.folder / ARRAYS).exists():
            logger.info("%s: begun anew, as it was made from something else", self.folder)
        manifest.unlink(missing_ok=True)
        for old in (self.folder / LEDGER, self.folder / ARRAYS):
            shutil.rmtree(old, ignore_errors=True)
        _create(self.folder / ARRAYS, self.layout)
        files.write_json(plan, self.plan)

    def _unseal(self) -> None:
        """Enter a sealed store's shards in a ledger again, so that they are not lost."""
        manifest = files.read_json(self.folder / MANIFEST)
        if not self._is_mine(manifest):
            return
        for shard, facts in enumerate(manifest["shards"]):
            files.write_json(_entry(self.folder, shard), {"files": facts, "runtime": {}})
        so_far = {k: v for k, v in manifest["runtime"].items() if k != RATE}
        files.write_json(self.folder / LEDGER / PLAN, {**self.plan, "runtime": so_far})

    def _is_mine(self, record: Mapping[str, Any]) -> bool:
        """Whether a plan or a manifest is of the same layout and identity."""
        keys = ("layout", "identity")
        return files.as_json([record.get(k) for k in keys]) == files.as_json(
            [self.plan[k] for k in keys]
        )

    def _write_rows(self, group: zarr.Group, name: str, shard: int, column: np.ndarray) -> None:
        """One column of a shard, read back once it is written."""
        start, stop = self.layout.span(shard)
        assert len(column) == stop - start, f"{name}: {len(column)} rows of {stop - start}"
        target = group[name]
        assert isinstance(target, zarr.Array)
        target[start:stop] = column
        nan = target.dtype.kind == "f"
        for low in range(0, stop - start, self.layout.chunk_rows):  # no second copy of the shard
            part = column[low : low + self.layout.chunk_rows]
            first = start + low
            back = read_rows(self.folder, self.layout, name, first, first + len(part))
            if not np.array_equal(back, part.astype(back.dtype), equal_nan=nan):
                raise OSError(f"{self.folder}: shard {shard} of {name} reads back differently")


def seal(folder: Path) -> None:
    """Gather the shards that one or several jobs have written and write the manifest.

    Every shard is verified by its checksums. Raises ValueError for shards that are absent or not
    what their writer noted.
    """
    plan = files.read_json(folder / LEDGER / PLAN)
    layout = Layout.parse(plan["layout"])
    absent = [shard for shard in range(layout.shards) if not _stands(folder, shard)]
    if absent:
        raise ValueError(f"{folder}: shards {absent} are not written yet")
    entries = [files.read_json(_entry(folder, shard)) for shard in range(layout.shards)]
    for litter in folder.rglob("*.partial"):  # what killed writers left
        litter.unlink()
    manifest = {
        "format": FORMAT,
        "kind": layout.kind,
        "rows": layout.rows,
        **plan["about"],
        "runtime": _with_rate(summed([plan.get("runtime", {}), *(e["runtime"] for e in entries)])),
        "identity": plan["identity"],
        "layout": plan["layout"],
        "metadata": _facts(folder, _metadata_files(layout)),
        "shards": [entry["files"] for entry in entries],
    }
    files.write_whole(folder / MANIFEST, signed(manifest))
    # The plan first: a manifest without one is a sealed store, however much of the ledger is left.
    (folder / LEDGER / PLAN).unlink()
    shutil.rmtree(folder / LEDGER)
    (folder / LOCK).unlink(missing_ok=True)


def _entry(folder: Path, shard: int) -> Path:
    """Where the ledger notes a finished shard."""
    return folder / LEDGER / f"{shard:05d}.json"


def _stands(folder: Path, shard: int) -> bool:
    """Whether a shard is entered, and its files still have the checksums noted."""
    entry = _entry(folder, shard)
    if not entry.exists():
        return False
    for path, facts in files.read_json(entry)["files"].items():
        file = folder / path
        if not file.is_file() or files.sha256(file) != facts["sha256"]:
            logger.warning("%s: is not what the ledger noted: written again", file)
            entry.unlink()
            return False
    return True


def summed(runtimes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One record of several jobs': numbers added up, everything else as the last has it."""
    total: dict[str, Any] = {}
    for runtime in runtimes:
        for key, value in runtime.items():
            total[key] = total.get(key, 0) + value if _is_number(value) else value
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in total.items()}


def _with_rate(runtime: Mapping[str, Any]) -> dict[str, Any]:
    """The runtime, and samples/s of all steps together where it knows its rows."""
    seconds = sum(v for k, v in runtime.items() if k.startswith("seconds_"))
    rate = {RATE: round(runtime["rows"] / seconds, 1)} if "rows" in runtime else {}
    return {**runtime, **rate}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _create(path: Path, layout: Layout) -> None:
    group = zarr.create_group(path, overwrite=True)
    for name, column in layout.arrays.items():
        group.create_array(
            name,
            shape=(layout.rows, *column.shape),
            dtype=column.dtype,
            chunks=(layout.chunk_rows, *column.shape),
            shards=(layout.shard_rows, *column.shape),
            compressors=_codecs(column),
            fill_value=np.nan if np.dtype(column.dtype).kind == "f" else 0,
        )


def _codecs(column: Column) -> list[BytesBytesCodec]:
    """What is done to a chunk's bytes."""
    if column.shuffle is None:
        return [Crc32cCodec()]
    return [BloscCodec(cname="zstd", clevel=3, shuffle=column.shuffle), Crc32cCodec()]


def _write_ragged(group: zarr.Group, name: str, values: Sequence[bytes]) -> None:
    """All bytes of a shard, end to end, as one array of its own."""
    joined = np.frombuffer(b"".join(values), np.uint8)
    target = group.create_array(
        name,
        shape=joined.shape,
        dtype="uint8",
        chunks=(RAGGED_CHUNK,),
        shards=(ragged_chunks(len(joined)).count * RAGGED_CHUNK,),
        compressors=[Crc32cCodec()],
        overwrite=True,
    )
    target[:] = joined


def _shard_files(layout: Layout, shard: int) -> list[str]:
    """The files that hold a shard's rows, relative to the store."""
    paths = [layout.file(name, shard) for name in layout.arrays]
    for name in layout.ragged:
        own = layout.ragged_file(name, shard)
        paths += [f"{own.removesuffix('c/0')}zarr.json", own]
    return paths


def _metadata_files(layout: Layout) -> list[str]:
    """The files that describe the arrays, relative to the store."""
    return [f"{ARRAYS}/zarr.json", *(f"{ARRAYS}/{name}/zarr.json" for name in layout.arrays)]


def _facts(folder: Path, paths: Sequence[str], durable: bool = False) -> dict[str, dict[str, Any]]:
    """Bytes and sha256 of files, which are brought to the disk first where they are to last."""
    facts = {}
    for path in paths:
        file = folder / path
        if durable:
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            files.sync_folder(file.parent)
        facts[path] = {"bytes": file.stat().st_size, "sha256": files.sha256(file)}
    return facts


def _offsets(values: Sequence[bytes]) -> np.ndarray:
    """First byte and the one after the last (rows, 2) of values that lie end to end."""
    lengths = np.array([len(value) for value in values], np.int64)
    ends = np.cumsum(lengths)
    return np.stack([ends - lengths, ends], axis=1)


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock that the system drops when its holder dies; ValueError where it is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ValueError(f"{path}: another job is writing this shard") from None
        yield
