"""What is known about a store that is being written: its plan, and an entry per finished shard."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from posecache import files
from posecache.stores.manifest import BY_SHARD, LEDGER, PLAN, SEALED, is_signed, unseal

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


def agrees(record: Record | None, plan: Record) -> bool:
    """Whether a plan or a manifest has the layout and identity of `plan`."""
    keys = ("layout", "identity")
    return record is not None and files.as_json([record.get(k) for k in keys]) == files.as_json(
        [plan[k] for k in keys]
    )


def entries(folder: Path) -> dict[int, Record]:
    """Every finished shard's entry."""
    return dict(_entries(folder))


def _entries(folder: Path) -> Iterator[tuple[int, Record]]:
    if (folder / LEDGER / PLAN).exists():
        for path in sorted((folder / LEDGER).glob("[0-9]*.json")):
            yield int(path.stem), files.read_json(path)
    elif (sealed := record(folder)) is not None:
        runtimes = sealed["runtime"][BY_SHARD]
        for shard, facts in enumerate(sealed["shards"]):
            yield shard, {"files": facts, "runtime": runtimes[shard]}


def stands(folder: Path, entry: Record) -> bool:
    """Whether a shard's files still have the entered checksums; reads all of them."""
    for path, entered in entry["files"].items():
        file = folder / path
        if not file.is_file() or files.sha256(file) != entered["sha256"]:
            logger.warning("%s: is not what the ledger says: written again", file)
            return False
    return True


def entry_path(folder: Path, shard: int) -> Path:
    """The ledger's entry of a finished shard."""
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
    unseal(folder)
