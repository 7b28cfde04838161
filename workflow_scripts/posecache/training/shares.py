"""Which samples of a training run are whose, where several processes share it.

The global batches are those of one process. Each process holds a part of every chunk, the same one
in every epoch, and takes of each global batch the rows that lie in its parts: it reads, decodes and
keeps no others, and the parts of a batch are about equally large. Whole chunks would not do: a
batch comes from a window of few chunks, of which one process may own most.

Shapes: B samples of a global batch, of which b are this process'.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

Sum: TypeAlias = Callable[[Tensor], Tensor]  # of all processes' tensors, which it may replace


def itself(values: Tensor) -> Tensor:
    """The sum over the only process."""
    return values


@dataclass(frozen=True)
class Part:
    """Which samples of a global batch a process has."""

    places: np.ndarray  # (b,) their indices in the global batch
    total: int  # B


@dataclass(frozen=True)
class Share:
    """One process' part of all rows."""

    rank: int = 0
    world: int = 1

    def within(self, count: int) -> range:
        """Its rows of a chunk of `count` rows; none of some that are shorter than `world`."""
        return range(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def owners(self, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The rank (B,) that holds each of the `rows` (B,) of chunks of `counts` (B,) rows."""
        return np.asarray(((rows + 1) * self.world - 1) // counts)

    def takers(self, owners: np.ndarray) -> np.ndarray:
        """The rank (B,) that takes each sample of a global batch: its owner, but a process without
        any takes the last one of whoever has most, as no network takes an empty batch.
        """
        assert len(owners) >= self.world, f"{len(owners)} samples for {self.world} processes"
        takers, counts = owners.copy(), np.bincount(owners, minlength=self.world)
        for rank in np.flatnonzero(counts == 0):
            giver = counts.argmax()
            takers[np.flatnonzero(takers == giver)[-1]] = rank
            counts[giver], counts[rank] = counts[giver] - 1, 1
        return takers


class PartialDraws(np.random.Generator):
    """Random numbers for the samples of a part: those that they have in the global batch.

    Each method draws for all B samples, whose axis comes first, and returns those of the part.
    """

    def __init__(self, seed: list[int], part: Part) -> None:
        self._all, self._part = np.random.default_rng(seed), part
        super().__init__(self._all.bit_generator)

    def random(self, size: Any) -> Any:  # type: ignore[override]
        return self._all.random(self._whole(size))[self._part.places]

    def uniform(self, low: Any, high: Any, size: Any) -> Any:  # type: ignore[override]
        return self._all.uniform(low, high, self._whole(size))[self._part.places]

    def integers(self, low: Any, high: Any, size: Any) -> Any:  # type: ignore[override]
        return self._all.integers(low, high, self._whole(size))[self._part.places]

    def choice(self, a: Any, size: Any) -> Any:  # type: ignore[override]
        return self._all.choice(a, self._whole(size))[self._part.places]

    def _whole(self, size: Any) -> tuple[int, ...]:
        own, *rest = np.atleast_1d(size).tolist()
        assert own == len(self._part.places), size
        return (self._part.total, *rest)


def draws(seed: list[int], part: Part | None) -> np.random.Generator:
    """The random numbers of a batch, or of a part of one."""
    return np.random.default_rng(seed) if part is None else PartialDraws(seed, part)
