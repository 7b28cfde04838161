"""Batches for training: samples and cached logits, read ahead by a thread, in a seeded order.

The order is a pure function of (chunk counts, seed, epoch): chunks of all sets are shuffled, a
window of consecutive chunks is pooled, and the pool's rows are shuffled into batches. Chunks stay
decoded in memory as far as `memory_mb` allows; where everything fits, an epoch reads nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from posecache import skeletons
from posecache.logits import LogitStore
from posecache.samples import SampleStore
from posecache.skeletons import Skeleton

Columns = dict[str, np.ndarray]
Key = tuple[int, int]  # a set, and a chunk in it


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A sample set and each teacher's logits over it, row by row the same persons."""

    samples: SampleStore
    logits: Mapping[str, LogitStore]

    def __post_init__(self) -> None:
        for name, store in self.logits.items():
            assert store.n == self.samples.n, f"{name}: {store.n} rows, samples {self.samples.n}"


class Pool:
    """Rows of several chunks, taken without ever being joined: joining would hold them twice."""

    def __init__(self, parts: Sequence[Columns]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part["box"]) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: np.ndarray) -> Columns:
        """The rows (B,) of the chunks laid end to end, as a chunk of their own."""
        which = np.searchsorted(self._ends, rows, side="right")
        taken = {
            name: np.empty((len(rows), *column.shape[1:]), column.dtype)
            for name, column in self._parts[0].items()
        }
        for index in np.unique(which):
            part, here = self._parts[index], np.flatnonzero(which == index)
            local = rows[here] - self._ends[index] + len(part["box"])
            for name, column in taken.items():
                column[here] = part[name][local]
        return taken


def shuffled_chunks(counts: Sequence[int], seed: int, epoch: int) -> list[Key]:
    """(set, chunk) of every chunk once; `counts` holds each set's number of chunks."""
    chunks = [(index, chunk) for index, count in enumerate(counts) for chunk in range(count)]
    order = np.random.default_rng([seed, epoch, 0]).permutation(len(chunks))
    return [chunks[i] for i in order]


class Stream:
    """Batches of samples and logits of several sets in one student's skeleton.

    A batch is a dict of arrays, leading axis B: `crops` (B, S, S, 3) uint8 RGB, `crop_matrix`
    (B, 2, 3) image px to crop px, `box` (B, 4) xywh image px, `keypoints` (B, K, 2) image px with
    NaN where unlabelled, and for each teacher and its V views `{name}/x` (B, V, Kt, Wx),
    `{name}/y` (B, V, Kt, Wy) and `{name}/matrix` (B, V, 2, 3) image px to teacher-input px. The
    rows left over by whole batches are dropped, other ones each epoch.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        skeleton: Skeleton,
        *,
        batch_size: int,
        seed: int,
        memory_mb: int,
        chunk_rows: int = 64,
        window_chunks: int = 16,
        threads: int = 1,
    ) -> None:
        self.sets, self.skeleton = sets, skeleton
        self.batch_size, self.seed, self.chunk_rows = batch_size, seed, chunk_rows
        self.window_chunks = max(window_chunks, -(-batch_size // chunk_rows))
        self.rows = sum(s.samples.n for s in sets)
        self.steps_per_epoch = self.rows // batch_size
        if not self.steps_per_epoch:
            raise ValueError(f"{self.rows} samples do not fill one batch of {batch_size}")
        sizes = {str(s.samples.folder): s.samples.crop_size for s in sets}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"sample sets with crops of unlike sizes: {sizes}")
        self._memory = memory_mb * 2**20
        self._readers = ThreadPoolExecutor(threads)
        self._cache: dict[Key, Columns] = {}
        self._cached_bytes = 0

    def epoch(self, epoch: int) -> Iterator[Columns]:
        """The batches of one epoch."""
        counts = [-(-s.samples.n // self.chunk_rows) for s in self.sets]
        chunks = shuffled_chunks(counts, self.seed, epoch)
        rng = np.random.default_rng([self.seed, epoch, 1])
        windows = [
            chunks[i : i + self.window_chunks] for i in range(0, len(chunks), self.window_chunks)
        ]
        rest: list[Columns] = []
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = reader.submit(self._window, windows[0])
            for index in range(len(windows)):
                pool = Pool([*rest, *ahead.result()])
                if index + 1 < len(windows):
                    ahead = reader.submit(self._window, windows[index + 1])
                order = rng.permutation(len(pool))
                whole = len(pool) - len(pool) % self.batch_size
                for start in range(0, whole, self.batch_size):
                    yield pool.take(order[start : start + self.batch_size])
                rest = [pool.take(order[whole:])]

    def _window(self, window: list[Key]) -> list[Columns]:
        """A window's chunks, read by several threads and kept where they fit."""
        missing = [key for key in window if key not in self._cache]
        read = dict(zip(missing, self._readers.map(self._read, missing), strict=True))
        parts = [self._cache[key] if key in self._cache else read[key] for key in window]
        # In a shuffled order no chunk is needed sooner than another: nothing is ever evicted.
        for key, columns in read.items():
            size = sum(column.nbytes for column in columns.values())
            if self._cached_bytes + size <= self._memory:
                self._cache[key] = columns
                self._cached_bytes += size
        return parts

    def _read(self, key: Key) -> Columns:
        """One decoded chunk."""
        index, chunk = key
        source = self.sets[index]
        start = chunk * self.chunk_rows
        stop = min(start + self.chunk_rows, source.samples.n)
        samples = source.samples
        columns = {
            "crops": samples.crops(start, stop),
            "crop_matrix": samples.column("crop_matrix")[start:stop],
            "box": samples.column("box")[start:stop],
            "keypoints": self._in_skeleton(samples, start, stop),
        }
        for name, store in source.logits.items():
            x, y, matrix = store.read(slice(start, stop))
            columns |= {f"{name}/x": x, f"{name}/y": y, f"{name}/matrix": matrix}
        return columns

    def _in_skeleton(self, samples: SampleStore, start: int, stop: int) -> np.ndarray:
        """A set's keypoints at their places in the student's skeleton, NaN elsewhere."""
        theirs = skeletons.load(samples.skeleton)
        mine, other = self.skeleton.indices_in(theirs)
        shape = (stop - start, self.skeleton.num_keypoints, 2)
        keypoints = np.full(shape, np.nan, dtype=np.float32)
        keypoints[:, mine] = samples.column("keypoints")[start:stop][:, other]
        return keypoints
