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

from posecache import files
from posecache.store import ARRAYS, FORMAT, MANIFEST, Layout, signed
from posecache.zarr_arrays import create, metadata_files, shard_files, write_shard

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
            write_shard(self.folder, self.layout, shard, columns, ragged)
            facts = _facts(self.folder, shard_files(self.layout, shard), durable=True)
            told = {**(runtime or {}), "seconds_writing": time.perf_counter() - started}
            files.write_json(entry, {"files": facts, "runtime": told})
        logger.info(
            "%s: shard %d of %d: samples/s %s", self.folder, shard, self.layout.shards, _paces(told)
        )
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
        create(self.folder / ARRAYS, self.layout)
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
    for litter in folder.rglob("*.partial"):  # what killed writers left
        litter.unlink()
    files.write_whole(folder / MANIFEST, signed(_manifest(folder, plan, layout)))
    # The plan first: a manifest without one is a sealed store, however much of the ledger is left.
    (folder / LEDGER / PLAN).unlink()
    shutil.rmtree(folder / LEDGER)
    (folder / LOCK).unlink(missing_ok=True)


def _manifest(folder: Path, plan: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """What a store of finished shards is."""
    entries = [files.read_json(_entry(folder, shard)) for shard in range(layout.shards)]
    runtime = summed([plan.get("runtime", {}), *(entry["runtime"] for entry in entries)])
    logger.info("%s: sealed: samples/s %s", folder, _paces(runtime))
    return {
        "format": FORMAT,
        "kind": layout.kind,
        "rows": layout.rows,
        **plan["about"],
        "runtime": {**runtime, RATE: _paces(runtime)},
        "identity": plan["identity"],
        "layout": plan["layout"],
        "metadata": _facts(folder, metadata_files(layout)),
        "shards": [entry["files"] for entry in entries],
    }


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


def _paces(runtime: Mapping[str, Any]) -> dict[str, float]:
    """Samples/s of each step that was timed, if it is known how many there were."""
    steps = {k.removeprefix("seconds_"): v for k, v in runtime.items() if k.startswith("seconds_")}
    rows = runtime.get("rows", 0)
    return {step: round(rows / max(v, 1e-9), 1) for step, v in steps.items() if rows}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
