"""Reading a sealed logit store.

Shapes: B rows, V views (views.py), K keypoints, Wx and Wy bins.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from posecache import skeletons
from posecache.logits.encodings import Encoding
from posecache.logits.settings import ENCODINGS
from posecache.samples.store import SampleStore
from posecache.stores.store import Store

KIND = "logits"


class LogitStore(Store):
    """A sealed logit store."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KIND)
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

    def read(self, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits x (B, V, K, Wx) and y (B, V, K, Wy), and the matrices (B, V, 2, 3).

        `rows` is a slice of step 1; whole chunks are the fastest. ValueError names the chunk that
        is damaged or was never written.
        """
        start, stop, step = rows.indices(self.n)
        assert step == 1, f"step {step}: chunks are read whole"
        x, y = (self._axis(name, start, stop) for name in ("simcc_x", "simcc_y"))
        matrix = self.column("matrix")[start:stop]
        return x, y, matrix

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


def open(folder: Path, *, samples: SampleStore | None = None) -> LogitStore:
    """Open a sealed logit store; ValueError if it is unsealed, damaged or of other `samples`."""
    store = LogitStore(folder)
    if samples is not None and store.identity["samples"] != samples.seen:
        raise ValueError(
            f"{folder}: made from samples {store.identity['samples'][:12]}, "
            f"but {samples.folder} is {samples.seen[:12]}: cache the logits again"
        )
    return store
