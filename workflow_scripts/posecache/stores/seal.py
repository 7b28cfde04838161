"""Sealing: the shards that one or several jobs have written become a store."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import posecache
from posecache import files
from posecache.stores import ledger, timing
from posecache.stores.arrays import metadata_files
from posecache.stores.layout import Layout
from posecache.stores.locks import locked
from posecache.stores.manifest import (
    BY_SHARD,
    FORMAT,
    LEDGER,
    LOCK,
    MANIFEST,
    OWN,
    PLAN,
    SEALED,
    signed,
)

logger = logging.getLogger(__name__)

Record = Mapping[str, Any]


def seal(folder: Path) -> None:
    """Gather the shards that one or several jobs have written and write the manifest.

    Every shard is verified by its checksums. Raises ValueError for shards that are absent or
    differ from what their writer entered.
    """
    with locked(folder / LOCK):
        plan = ledger.record(folder)
        if plan is None or plan["identity"]["format"] != FORMAT:
            raise ValueError(f"{folder}: nothing was written here that could be sealed")
        layout, entered = Layout.parse(plan["layout"]), ledger.entries(folder)
        entries = {s: entry for s, entry in entered.items() if ledger.stands(folder, entry)}
        absent = [shard for shard in range(layout.shards) if shard not in entries]
        if absent:
            raise ValueError(f"{folder}: shards {absent} are not written yet")
        for litter in folder.rglob("*.partial"):  # what killed writers left
            litter.unlink()
        about = plan.get("about", {k: v for k, v in plan.items() if k not in OWN})
        manifest = signed(_manifest(folder, plan, about, [entries[s] for s in sorted(entries)]))
        files.write_atomically(folder / SEALED, manifest)
        files.write_atomically(folder / MANIFEST, manifest)
        # The plan is removed first: without one a store is sealed, whatever is left of the ledger.
        (folder / LEDGER / PLAN).unlink(missing_ok=True)
        shutil.rmtree(folder / LEDGER, ignore_errors=True)
        for lock in folder.glob(f"{LOCK}*"):
            lock.unlink()


def _manifest(
    folder: Path, plan: Record, about: Record, entries: Sequence[Record]
) -> dict[str, Any]:
    """The manifest of a store of finished shards."""
    layout = Layout.parse(plan["layout"])
    runtimes = [entry["runtime"] for entry in entries]
    runtime = timing.total(runtimes)
    speeds = timing.samples_per_second(runtime)
    logger.info("%s: sealed: samples/s %s", folder, speeds)
    return {
        "format": FORMAT,
        "kind": layout.kind,
        "num_rows": layout.num_rows,
        "posecache": posecache.__version__,
        **about,
        "runtime": {**runtime, "samples_per_s": speeds, BY_SHARD: runtimes},
        "identity": plan["identity"],
        "layout": plan["layout"],
        "metadata": files.facts(folder, metadata_files(layout)),
        "shards": [entry["files"] for entry in entries],
    }
