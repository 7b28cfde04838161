"""Batches for training: samples and cached logits, read ahead by a thread, in a seeded order.

The order is a pure function of (chunk counts, seed, epoch): chunks of all sets are shuffled, a
window of consecutive chunks is pooled, and the pool's rows are shuffled into batches. Crops lie
decoded in one buffer where there is room for all (room.py); chunks of what is left stay in memory
as far as `memory_mb` allows, and where everything fits, an epoch reads nothing. Where several
processes share a run, each reads its part of every chunk (shares.py).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from posecache import skeletons
from posecache.logits.store import LogitStore
from posecache.samples.flat_crops import PLACE_BYTES, FlatCrops
from posecache.samples.store import SampleStore
from posecache.skeletons import Skeleton
from posecache.skeletons.placing import placed
from posecache.threads import ahead
from posecache.training.batch import Batch, CachedViews, Pool
from posecache.training.costs import BATCHES, CROPS, LOGITS, Costs
from posecache.training.recipe import WINDOW_CHUNKS
from posecache.training.resident import Keeping, Key, Span
from posecache.training.room import Place
from posecache.training.shares import Part, Share

WHOLE = Share()  # of a run in one process
KEEPING = Keeping()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A sample set and each teacher's logits over it, row by row the same persons."""

    samples: SampleStore
    logits: Mapping[str, LogitStore]

    def __post_init__(self) -> None:
        for name, store in self.logits.items():
            assert store.n == self.samples.n, f"{name}: {store.n} rows, samples {self.samples.n}"


def skeleton_of(sets: Sequence[TrainingSet]) -> Skeleton:
    """The skeleton of a student of these sets: the union of theirs and of their teachers'."""
    names = [s.samples.skeleton for s in sets]
    return skeletons.union([*names, *(store.skeleton for store in sets[0].logits.values())])


def shuffled_chunks(counts: Sequence[int], seed: int, epoch: int) -> list[Key]:
    """(set, chunk) of every chunk once; `counts` holds each set's number of chunks."""
    chunks = [(index, chunk) for index, count in enumerate(counts) for chunk in range(count)]
    order = np.random.default_rng([seed, epoch, 0]).permutation(len(chunks))
    return [chunks[i] for i in order]


class Stream:
    """Batches of samples and logits of several sets in one student's skeleton.

    The rows that do not fill a last batch are dropped, other ones in each epoch, or they make a
    smaller one.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        skeleton: Skeleton,
        *,
        batch_size: int,
        seed: int,
        memory_mb: float,
        drop_last: bool = True,
        window_chunks: int = WINDOW_CHUNKS,
        threads: int = 1,
        share: Share = WHOLE,
        keeping: Keeping = KEEPING,
    ) -> None:
        """Raises ValueError where a batch cannot be filled, or is too small to be shared."""
        self.sets, self.skeleton = sets, skeleton
        self.share, self.keeping = share, keeping
        self.batch_size, self.seed, self.drop_last = batch_size, seed, drop_last
        self._chunk_rows = [s.samples.layout.chunk_rows for s in sets]
        self._window_chunks = max(window_chunks, -(-batch_size // min(self._chunk_rows)))
        count = sum(s.samples.n for s in sets)
        self.steps_per_epoch = count // batch_size if drop_last else -(-count // batch_size)
        if not self.steps_per_epoch:
            raise ValueError(f"{count} samples do not fill one batch of {batch_size}")
        smallest = batch_size if drop_last else count % batch_size or batch_size
        if smallest < share.world:
            raise ValueError(
                f"{count} samples in batches of {batch_size}: one of {smallest} is too small for "
                f"{share.world} processes (gpus)"
            )
        self._memory = int(memory_mb * 2**20)
        self._threads, self._readers = threads, ThreadPoolExecutor(threads)
        self._cache: dict[Key, Batch] = {}
        self.cached_bytes = 0
        self.costs = Costs(threads)  # of the epoch in hand

    @property
    def resident(self) -> bool:
        """Whether every chunk is in memory."""
        chunks = {key for window in self._windows(0) for key in self._held(window)}
        return len(self._cache) == len(chunks)

    @cached_property
    def place(self) -> Place:
        """Where the crops lie; ValueError where the place that is told has no room for them."""
        crops = sum(3 * span.pixels for span in self._spans.values())
        chosen, why = self.keeping.place(crops, self._others, self._memory)
        logger.info("crops: %s: %s", chosen, why)
        return chosen

    @cached_property
    def _crops(self) -> dict[Key, FlatCrops]:
        """Every chunk's crops, in one buffer; none where they are decoded as they are read."""
        if self.place == "decoding" or not self._spans:
            return {}
        held = self.keeping.load(self.place, self._spans, self._threads)
        if self.place == "memory":
            self.cached_bytes += sum(crops.nbytes for crops in held.values())
        return held

    def open(self) -> None:
        """Choose where the crops lie, and decode them unless that is done as they are read."""
        _ = self._crops

    @cached_property
    def _spans(self) -> dict[Key, Span]:
        """This process' rows of every chunk."""
        keys = sorted(key for window in self._windows(0) for key in self._held(window))
        return {key: self._span(key, self._within(key)) for key in keys}

    @property
    def _others(self) -> int:
        """Bytes of all that this process reads but the crops' px, as far as first rows tell."""
        rows = [(self._labels(Span(s.samples, 0, 1), s.logits), s.samples.n) for s in self.sets]
        return sum((batch.nbytes + PLACE_BYTES) * n for batch, n in rows) // self.share.world

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from one of its steps on.

        Of what lies before, only the rows that its last window leaves over are read.
        """
        assert start < self.steps_per_epoch, f"{start} of {self.steps_per_epoch} steps"
        self.open()
        self.costs = Costs(self._threads)
        rng = np.random.default_rng([self.seed, epoch, 1])
        windows, kept, skipped = self._skip(self._windows(epoch), rng, start)
        own = kept[self._owners(kept) == self.share.rank]
        rest = [self._gather(own)] if len(own) else []
        for window, parts in zip(windows, ahead(self._window, windows, threads=1), strict=True):
            rows, pool = self._join(kept, window), Pool([*rest, *parts])
            order = rng.permutation(len(rows))
            full = len(rows) - len(rows) % self.batch_size
            for first in range(skipped * self.batch_size, full, self.batch_size):
                with self.costs.of(BATCHES):
                    batch = self._batch(pool, rows, order[first : first + self.batch_size])
                yield batch
            rest, skipped = self._own(pool, rows, order[full:]), 0
            kept = rows[order[full:]]
        if len(kept) and not self.drop_last:
            yield self._batch(Pool(rest), kept, np.arange(len(kept)))

    def _batch(self, pool: Pool, rows: np.ndarray, chosen: np.ndarray) -> Batch:
        """This process' part of a global batch, which is `chosen` (B,) of the rows (R, 3) of all
        processes; `pool` has its own ones among them."""
        if self.share.world == 1:
            return pool.take(chosen)
        takers = self.share.takers(self._owners(rows[chosen]))
        places = np.flatnonzero(takers == self.share.rank)
        own = self._own(pool, rows, chosen[places])
        batch = own[0] if own else self._lent(*rows[chosen[places[0]]].tolist())
        return replace(batch, part=Part(places, len(chosen)))

    def _lent(self, index: int, chunk: int, row: int) -> Batch:
        """A sample of another process."""
        span = self._span((index, chunk), range(row, row + 1))
        return self._read(span, self.sets[index].logits)

    def _own(self, pool: Pool, rows: np.ndarray, chosen: np.ndarray) -> list[Batch]:
        """A batch of those of the `chosen` (B,) of rows (R, 3) that are this process' in `pool`;
        nothing if there are none."""
        own = self._owners(rows) == self.share.rank
        wanted = chosen[own[chosen]]
        return [pool.take((np.cumsum(own) - 1)[wanted])] if len(wanted) else []

    def _owners(self, rows: np.ndarray) -> np.ndarray:
        """The process (R,) that reads each of the rows (R, 3)."""
        return self.share.owners(rows[:, 2], self._counts(*rows[:, :2].T))

    def _counts(self, index: np.ndarray, chunk: np.ndarray) -> np.ndarray:
        """How many rows chunks have."""
        size = np.array(self._chunk_rows)[index]
        return np.minimum(size, np.array([s.samples.n for s in self.sets])[index] - chunk * size)

    def _within(self, key: Key) -> range:
        """This process' rows of a chunk."""
        return self.share.within(int(self._counts(*np.array(key))))

    def _held(self, window: list[Key]) -> list[Key]:
        """The chunks of which this process has a part."""
        return [key for key in window if self._within(key)]

    def _windows(self, epoch: int) -> list[list[Key]]:
        """An epoch's chunks in their order, cut into windows."""
        counts = [
            -(-s.samples.n // rows) for s, rows in zip(self.sets, self._chunk_rows, strict=True)
        ]
        chunks, size = shuffled_chunks(counts, self.seed, epoch), self._window_chunks
        return [chunks[i : i + size] for i in range(0, len(chunks), size)]

    def _skip(
        self, windows: list[list[Key]], rng: np.random.Generator, steps: int
    ) -> tuple[list[list[Key]], np.ndarray, int]:
        """The windows that are left once `steps` batches were taken, the rows (R, 3) that the
        others leave over, as (set, chunk, row in it), and how many batches of the first one left
        were taken.

        Draws from `rng` what the others do, and reads nothing.
        """
        kept = np.empty((0, 3), np.int64)
        for index, window in enumerate(windows):
            rows = self._join(kept, window)
            batches = len(rows) // self.batch_size
            if steps < batches:
                return windows[index:], kept, steps
            kept = rows[rng.permutation(len(rows))[batches * self.batch_size :]]
            steps -= batches
        return [], kept, 0

    def _join(self, kept: np.ndarray, window: list[Key]) -> np.ndarray:
        """The rows that are left over, and those of a window: (R, 3)."""
        return np.concatenate([kept, *map(self._rows_of, window)])

    def _rows_of(self, key: Key) -> np.ndarray:
        """(set, chunk, row in it) of each row (R, 3) of a chunk."""
        count = int(self._counts(*np.array(key)))
        return np.stack([np.full(count, key[0]), np.full(count, key[1]), np.arange(count)], 1)

    def _gather(self, rows: np.ndarray) -> Batch:
        """Some rows (R, 3) of this process, as (set, chunk, row in it)."""
        keys, which = np.unique(rows[:, :2], axis=0, return_inverse=True)
        parts = self._window([(index, chunk) for index, chunk in keys.tolist()])
        before = np.cumsum([0, *map(len, parts)])[:-1]
        firsts = [self.share.within(count).start for count in self._counts(*keys.T)]
        return Pool(parts).take((before - firsts)[which.ravel()] + rows[:, 2])

    def _window(self, window: list[Key]) -> list[Batch]:
        """A window's chunks, read by several threads and kept where they fit; of each, this
        process' part, if it has one."""
        window = self._held(window)
        missing = [key for key in window if key not in self._cache]
        read = dict(zip(missing, self._readers.map(self._read_chunk, missing), strict=True))
        parts = [self._cache[key] if key in self._cache else read[key] for key in window]
        # In a shuffled order no chunk is needed sooner than another: nothing is ever evicted.
        for key, part in read.items():
            size = part.nbytes - (part.crops.nbytes if self._crops else 0)
            if self.cached_bytes + size <= self._memory:
                self._cache[key] = part
                self.cached_bytes += size
        return parts

    def _read_chunk(self, key: Key) -> Batch:
        """This process' part of a chunk, decoded."""
        span = self._span(key, self._within(key))
        if self._crops:
            return replace(self._labels(span, self.sets[key[0]].logits), crops=self._crops[key])
        return self._read(span, self.sets[key[0]].logits)

    def _read(self, span: Span, logits: Mapping[str, LogitStore]) -> Batch:
        """Some rows, decoded now."""
        batch = self._labels(span, logits)
        with self.costs.of(CROPS):
            return replace(batch, crops=span.samples.crops(span.start, span.stop))

    def _span(self, key: Key, rows: range) -> Span:
        """Rows of a chunk."""
        index, chunk = key
        before = chunk * self._chunk_rows[index]
        return Span(self.sets[index].samples, before + rows.start, before + rows.stop)

    def _labels(self, span: Span, logits: Mapping[str, LogitStore]) -> Batch:
        """Some rows without their crops."""
        samples, rows, teachers = span.samples, slice(span.start, span.stop), {}
        labelled = skeletons.load(samples.skeleton).keypoints
        with self.costs.of(LOGITS):
            for name, store in logits.items():
                x, y, matrix = store.read(rows)
                teachers[name] = CachedViews(x=x, y=y, matrix=matrix)
        return Batch(
            crops=FlatCrops.of([]),
            crop_matrix=samples.column("crop_matrix")[rows],
            box=samples.column("box")[rows],
            keypoints=placed(samples.keypoints[rows], labelled, self.skeleton),
            teachers=teachers,
        )
