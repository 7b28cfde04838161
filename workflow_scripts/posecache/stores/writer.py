"""Writing a store shard by shard, each entered in a ledger once it is whole, and sealing it."""

import fcntl
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from posecache import files
from posecache.stores import ledger, timing
from posecache.stores.arrays import create, shard_files, write_shard
from posecache.stores.layout import ARRAYS, Layout
from posecache.stores.locks import lock, locked
from posecache.stores.manifest import FORMAT, LEDGER, LOCK, PLAN, SEALED, unseal
from posecache.stores.seal import seal

logger = logging.getLogger(__name__)

Columns = Mapping[str, np.ndarray]


class Writer:
    """Fills the `missing` shards of a store: of all its shards, or of this job's `own`.

    Shards that an earlier writer of the same identity finished are kept after their checksums are
    verified. A store of another identity stays as it is until the first shard is written.
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
        self.plan = {
            "layout": asdict(layout),
            "identity": {"format": FORMAT, "kind": layout.kind, **identity},
            "about": dict(about or {}),
        }
        with locked(folder / LOCK):
            self._seen = ledger.record(folder)
            found = ledger.entries(folder) if ledger.agrees(self._seen, self.plan) else {}
        # Reading all that stands takes long: other jobs may take the lock meanwhile.
        self._damaged = {s: e for s, e in found.items() if not ledger.stands(folder, e)}
        self._standing = found.keys() - self._damaged.keys()
        own = range(layout.shards) if own is None else own
        self.missing = [shard for shard in own if shard not in self._standing]
        self._begun, self._claims = False, dict[int, IO[str]]()
        self._name = files.fingerprint([self.plan["layout"], self.plan["identity"]])[:8]
        standing = len(own) - len(self.missing)
        goes_on = f"goes on from {standing} of" if standing else "begins"
        logger.info("%s: %s %d shards", folder, goes_on, len(own))

    @property
    def absent(self) -> list[int]:
        """The shards of the whole store, other jobs' too, that were not finished at the start."""
        return [shard for shard in range(self.layout.shards) if shard not in self._standing]

    @property
    def replaced(self) -> int:
        """Bytes of the store of another identity that this one will replace."""
        if ledger.agrees(self._seen, self.plan):
            return 0
        return sum(p.stat().st_size for p in (self.folder / ARRAYS).rglob("*") if p.is_file())

    def claim(self, shard: int) -> None:
        """Reserve a shard for this writer until it is written; ValueError if another job has it."""
        self._claims[shard] = lock(self._lock(shard), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Release the shards that were claimed and not written."""
        for shard in list(self._claims):
            self._release(shard)

    def _release(self, shard: int) -> None:
        self._lock(shard).unlink(missing_ok=True)
        self._claims.pop(shard).close()

    def write(
        self,
        shard: int,
        columns: Columns,
        ragged: Mapping[str, Sequence[bytes]],
        runtime: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one shard's rows, read them back, and enter them in the ledger.

        `columns` (rows of the shard, ...) by name; `ragged` has one bytes object per row; `runtime`
        is what the manifest will say about how the shard was made. Raises ValueError if another job
        writes or has written this shard, or has begun another store in this folder.
        """
        started = time.perf_counter()
        if shard not in self._claims:
            self.claim(shard)
        try:
            self._begin(shard)
            with locked(self.folder / LOCK, fcntl.LOCK_SH):  # nobody begins a new store or seals
                self._check(shard)
                with files.naming(self.folder):
                    write_shard(self.folder, self.layout, shard, columns, ragged)
                facts = files.facts(self.folder, shard_files(self.layout, shard), durable=True)
                measured = {**(runtime or {}), "seconds_writing": time.perf_counter() - started}
                entry = {"files": facts, "runtime": measured}
                files.write_json(ledger.entry_path(self.folder, shard), entry)
        finally:
            self._release(shard)
        logger.info(
            "%s: shard %d written: samples/s %s",
            self.folder,
            shard,
            timing.samples_per_second(measured),
        )
        self.missing = [s for s in self.missing if s != shard]

    def seal(self) -> None:
        """Write the manifest, which makes the store whole."""
        self._begin()
        seal(self.folder)

    def _begin(self, shard: int | None = None) -> None:
        """At the first call: take up the store of this plan that lies here, or begin a new one."""
        if self._begun:
            return
        with locked(self.folder / LOCK):
            found = ledger.record(self.folder)
            if ledger.agrees(found, self.plan):
                entered = ledger.entries(self.folder)  # including other jobs'
                entries = {s: e for s, e in entered.items() if self._damaged.get(s) != e}
                if shard in entries:
                    raise ValueError(f"{self.folder}: another job has written shard {shard}")
                ledger.take_up(self.folder, self.plan, entries)
            elif found == self._seen:
                self._begin_new()
            else:
                raise ValueError(f"{self.folder}: another job has begun another store here")
        self._begun = True

    def _begin_new(self) -> None:
        for path in self.folder.glob(f"{LOCK}-*"):
            if not path.name.startswith(f"{LOCK}-{self._name}"):  # a job at work on another store?
                lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB).close()
        if (self.folder / ARRAYS).exists():
            logger.info(
                "%s: a new store is begun, as this one was made from something else", self.folder
            )
        unseal(self.folder)
        (self.folder / SEALED).unlink(missing_ok=True)
        for old in (self.folder / LEDGER, self.folder / ARRAYS):
            shutil.rmtree(old, ignore_errors=True)
        create(self.folder / ARRAYS, self.layout)
        files.write_json(self.folder / LEDGER / PLAN, self.plan)

    def _lock(self, shard: int) -> Path:
        return self.folder / f"{LOCK}-{self._name}-{shard:05d}"

    def _check(self, shard: int) -> None:
        """Check that the store is still this writer's, and that the shard is not written yet."""
        if not ledger.agrees(ledger.record(self.folder), self.plan):
            raise ValueError(f"{self.folder}: another job has begun another store here")
        plan = self.folder / LEDGER / PLAN
        if not plan.exists() or ledger.entry_path(self.folder, shard).exists():
            raise ValueError(f"{self.folder}: another job has written shard {shard}")
