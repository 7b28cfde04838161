"""What is known of a store's shards while it is written, and sealing it.

`ledger/` lies beside the arrays until the store is sealed: the plan, and one file a finished shard,
so that several jobs may write shards of one store and a killed one loses at most the shard in hand.
A sealed store keeps a copy of its manifest under another name: Snakemake removes a rule's output
before it runs the rule again, and what the shards are must not be lost with it.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from posecache import files
from posecache.store import (
    DIGEST,
    FORMAT,
    LEDGER,
    LOCK,
    MANIFEST,
    SEALED,
    Layout,
    is_signed,
    signed,
)
from posecache.zarr_arrays import metadata_files

PLAN = "plan.json"  # in the ledger: layout, identity, and what the manifest will tell
RATE = "samples_per_s"
BY_SHARD = "by_shard"
OWN = ("format", "kind", "rows", "runtime", "identity", "layout", "metadata", "shards", DIGEST)

logger = logging.getLogger(__name__)

Record = Mapping[str, Any]


def record(folder: Path) -> Record | None:
    """The plan of the store that is being written in a folder, or a sealed one's manifest."""
    plan, sealed = folder / LEDGER / PLAN, folder / SEALED
    if plan.exists():
        return dict(files.read_json(plan))
    if not sealed.exists():
        return None
    manifest: Record = files.read_json(sealed)
    return manifest if is_signed(manifest) else None


def same(record: Record | None, plan: Record) -> bool:
    """Whether a plan or a manifest is of the layout and identity of another."""
    keys = ("layout", "identity")
    return record is not None and files.as_json([record.get(k) for k in keys]) == files.as_json(
        [plan[k] for k in keys]
    )


def whole(folder: Path) -> dict[int, Record]:
    """The entries of the finished shards whose files still have the checksums noted."""
    found = dict(_entries(folder))
    return {shard: entry for shard, entry in found.items() if _stands(folder, entry)}


def _entries(folder: Path) -> Iterator[tuple[int, Record]]:
    """Every finished shard's entry."""
    if (folder / LEDGER / PLAN).exists():
        for path in sorted((folder / LEDGER).glob("[0-9]*.json")):
            yield int(path.stem), files.read_json(path)
    elif (sealed := record(folder)) is not None:
        runtimes = sealed["runtime"][BY_SHARD]
        for shard, facts in enumerate(sealed["shards"]):
            yield shard, {"files": facts, "runtime": runtimes[shard]}


def _stands(folder: Path, entry: Record) -> bool:
    """Whether a shard's files are as its entry says."""
    for path, noted in entry["files"].items():
        file = folder / path
        if not file.is_file() or files.sha256(file) != noted["sha256"]:
            logger.warning("%s: is not what the ledger noted: written again", file)
            return False
    return True


def entry_path(folder: Path, shard: int) -> Path:
    """Where the ledger notes a finished shard."""
    return folder / LEDGER / f"{shard:05d}.json"


def take_up(folder: Path, plan: Record, entries: Mapping[int, Record]) -> None:
    """Open a store again for writing: the ledger holds `entries`, and it is not sealed any more."""
    for path in (folder / LEDGER).glob("[0-9]*.json"):
        if int(path.stem) not in entries:
            path.unlink()
    for shard, entry in entries.items():
        if not entry_path(folder, shard).exists():
            files.write_json(entry_path(folder, shard), entry)
    files.write_json(folder / LEDGER / PLAN, plan)
    (folder / MANIFEST).unlink(missing_ok=True)


def seal(folder: Path) -> None:
    """Gather the shards that one or several jobs have written and write the manifest.

    Every shard is verified by its checksums. Raises ValueError for shards that are absent or not
    what their writer noted.
    """
    with locked(folder / LOCK):
        plan = record(folder)
        if plan is None:
            raise ValueError(f"{folder}: nothing was written here that could be sealed")
        layout, entries = Layout.parse(plan["layout"]), whole(folder)
        absent = [shard for shard in range(layout.shards) if shard not in entries]
        if absent:
            raise ValueError(f"{folder}: shards {absent} are not written yet")
        for litter in folder.rglob("*.partial"):  # what killed writers left
            litter.unlink()
        about = plan.get("about", {k: v for k, v in plan.items() if k not in OWN})
        manifest = signed(_manifest(folder, plan, about, [entries[s] for s in sorted(entries)]))
        files.write_whole(folder / SEALED, manifest)
        files.write_whole(folder / MANIFEST, manifest)
        # The plan first: without one a store is sealed, however much of the ledger is left.
        (folder / LEDGER / PLAN).unlink(missing_ok=True)
        shutil.rmtree(folder / LEDGER, ignore_errors=True)
        for lock in folder.glob(f"{LOCK}*"):
            lock.unlink()


def _manifest(
    folder: Path, plan: Record, about: Record, entries: Sequence[Record]
) -> dict[str, Any]:
    """What a store of finished shards is."""
    layout = Layout.parse(plan["layout"])
    runtimes = [entry["runtime"] for entry in entries]
    runtime = _summed(runtimes)
    logger.info("%s: sealed: samples/s %s", folder, paces(runtime))
    return {
        "format": FORMAT,
        "kind": layout.kind,
        "rows": layout.rows,
        **about,
        "runtime": {**runtime, RATE: paces(runtime), BY_SHARD: runtimes},
        "identity": plan["identity"],
        "layout": plan["layout"],
        "metadata": files.facts(folder, metadata_files(layout)),
        "shards": [entry["files"] for entry in entries],
    }


def _summed(runtimes: Sequence[Record]) -> dict[str, Any]:
    """One record of all shards': numbers added up, everything else as a list where it differs."""
    total: dict[str, Any] = {}
    for key in dict.fromkeys(key for runtime in runtimes for key in runtime):
        values = [runtime[key] for runtime in runtimes if key in runtime]
        if isinstance(values[0], int | float):
            total[key] = round(sum(values), 3)
        else:
            distinct = list(dict.fromkeys(values))
            total[key] = distinct[0] if len(distinct) == 1 else distinct
    return total


def paces(runtime: Record) -> dict[str, float]:
    """Samples/s of each step that was timed, if it is known how many there were."""
    steps = {k.removeprefix("seconds_"): v for k, v in runtime.items() if k.startswith("seconds_")}
    rows = runtime.get("rows", 0)
    return {step: round(rows / max(v, 1e-9), 1) for step, v in steps.items() if rows}


@contextmanager
def locked(path: Path, mode: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock."""
    handle = lock(path, mode)
    try:
        yield
    finally:
        handle.close()


def lock(path: Path, mode: int = fcntl.LOCK_EX) -> IO[str]:
    """Take a lock, which the system drops when its holder closes it or dies.

    With LOCK_NB in `mode`, raises ValueError where another job holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = path.open("w")
        try:
            fcntl.flock(handle, mode)
        except BlockingIOError:
            handle.close()
            raise ValueError(f"{path}: another job is writing this shard") from None
        if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
            return handle
        handle.close()  # it was removed before it was ours, so that it locks nothing
