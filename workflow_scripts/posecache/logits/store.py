"""Reading a sealed logit store.

Shapes: B rows, V views (views.py), K keypoints, Wx and Wy bins.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from posecache import skeletons
from posecache.logits.encodings import Encoding
from posecache.logits.layout import KEYPOINTS
from posecache.logits.settings import ENCODINGS, KIND
from posecache.samples.people import People
from posecache.samples.store import SampleStore
from posecache.stores.store import Store

Read = tuple[np.ndarray, np.ndarray, np.ndarray]


class LogitStore(Store):
    """A sealed logit store, or some of its rows (B,), in any order."""

    def __init__(self, folder: Path, rows: np.ndarray | None = None) -> None:
        super().__init__(folder, KIND)
        self._rows = rows
        if rows is not None:
            self.n = len(rows)
        self.model: str = self.manifest["model"]
        self.skeleton: str = self.manifest["skeleton"]
        self.input_size: tuple[int, int] = tuple(self.manifest["input_size"])
        self.split_ratio: float = self.manifest["split_ratio"]
        self.beta: float = self.manifest["beta"]
        self.flip: bool = self.manifest["flip"]
        self.label_offset: tuple[float, float] = tuple(self.identity["label_offset"])
        recorded = {key: self.identity[key] for key in ("keypoints", "flip_pairs")}
        skeletons.check_content(self.skeleton, recorded, folder)
        self.encoding = _encoding(folder, self.identity)

    @cached_property
    def people(self) -> People:
        """Who all rows of the store are."""
        return People.of(self)

    def over(self, samples: SampleStore) -> "LogitStore":
        """The rows of a sample set's persons, in its order; ValueError names one that it lacks."""
        if self.identity["samples"] == samples.people.digest:
            return self
        rows = samples.people.rows_in(self.people)
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            raise ValueError(f"{self.folder}: {_unlike(samples, self, missing)}")
        return LogitStore(self.folder, rows)

    def read(self, rows: slice) -> Read:
        """Logits x (B, V, K, Wx) and y (B, V, K, Wy), and the matrices (B, V, 2, 3).

        `rows` is a slice of step 1; whole chunks are the fastest. ValueError names the chunk that
        is damaged or was never written.
        """
        start, stop, step = rows.indices(self.n)
        assert step == 1, f"step {step}: chunks are read whole"
        if self._rows is None or start >= stop:
            return self._read(start, stop)
        return self._gather(self._rows[start:stop])

    def refined(self, rows: slice | np.ndarray) -> list[np.ndarray]:
        """A refined model's keypoints (B, V, K, 3) at some rows, x and y in input px and the score;
        no array at all where there are none beside the logits."""
        own = rows if self._rows is None else self._rows[rows]
        return [self.column(name)[own] for name in self.layout.columns if name == KEYPOINTS]

    def _gather(self, rows: np.ndarray) -> Read:
        """The logits of rows (B,) in any order; each chunk is read once."""
        chunks = rows // self.layout.chunk_rows
        wanted = [np.flatnonzero(chunks == chunk) for chunk in np.unique(chunks)]
        order = np.argsort(np.concatenate(wanted))
        parts = []
        for places in wanted:
            own, first = rows[places], int(rows[places].min())
            parts.append([part[own - first] for part in self._read(first, int(own.max()) + 1)])
        x, y, matrix = (np.concatenate(axis)[order] for axis in zip(*parts, strict=True))
        return x, y, matrix

    def _read(self, start: int, stop: int) -> Read:
        """The logits of the store's rows start ... stop - 1."""
        x, y = (self._axis(name, start, stop) for name in ("simcc_x", "simcc_y"))
        return x, y, self.column("matrix")[start:stop]

    def _axis(self, name: str, start: int, stop: int) -> np.ndarray:
        """The decoded logits of one axis."""
        kept = [n for n in self.layout.columns if n.startswith(name)]
        return self.encoding.decode(name, {n: self.rows(n, start, stop) for n in kept})


def _encoding(folder: Path, identity: Mapping[str, Any]) -> Encoding:
    """The encoding that a store names; ValueError if its levels are not those of this version."""
    encoding = ENCODINGS[identity["encoding"]]
    if list(encoding.levels) != identity["levels"]:
        raise ValueError(f"{folder}: unknown encoding {identity['encoding']}: cache it again")
    return encoding


def _unlike(samples: SampleStore, store: LogitStore, missing: np.ndarray) -> str:
    """Which persons of a sample set a store lacks, at rows `missing`, and how they differ."""
    row = int(missing[0])
    told = samples.people.unlike(row, store.people)
    files = (samples.identity["files"], store.manifest["annotations"])
    ours, theirs = (sha256[:12] for sha256, *_ in files)
    made = "the same annotation file" if ours == theirs else f"annotations {theirs}, not {ours}"
    return (
        f"made from other samples than {samples.folder} (from {made}): lacks {len(missing)} of its "
        f"{samples.n} persons, first {samples.place(row)}: {told}"
    )


def open(folder: Path, *, samples: SampleStore | None = None) -> LogitStore:
    """Open a sealed logit store; with `samples` its rows are theirs.

    ValueError if it is unsealed or damaged, and for persons of `samples` that it lacks.
    """
    store = LogitStore(folder)
    return store if samples is None else store.over(samples)
