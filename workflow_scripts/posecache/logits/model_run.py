"""Running a model over the samples of one shard; threads cut the crops ahead of it.

Shapes: N rows of the shard, V views (views.py), K keypoints.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import zarr

from posecache.logits import views
from posecache.logits.encodings import Arrays, Encoding
from posecache.logits.layout import KEYPOINTS
from posecache.logits.looking import Group, completed, forward, people
from posecache.logits.merging import Merge, Stored
from posecache.logits.person import Logits
from posecache.logits.settings import ENCODINGS, GROUP, MERGES, Caching
from posecache.models.session import Session
from posecache.progress import Bar
from posecache.samples.store import SampleStore
from posecache.stores.layout import Layout


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """Runs a model over a sample store, shard by shard."""

    session: Session
    store: SampleStore
    layout: Layout
    settings: Caching
    framing: float | None  # the sample set's padding, where the rule's looks depend on it
    threads: int
    bar: Bar

    @property
    def merge(self) -> Merge:
        """How looks become views."""
        merge: Merge = MERGES[self.settings.views.merge]
        return merge

    @property
    def encoding(self) -> Encoding:
        """How logits are kept."""
        return ENCODINGS[self.settings.encoding]

    def shard(self, shard: int) -> tuple[Arrays, dict[str, Any]]:
        """The columns of a shard (N, V, ...), and how they were made, for the manifest.

        Raises ValueError naming the model and the row for logits that are not finite, and for
        images that are missing or broken.
        """
        start, stop = self.layout.span(shard)
        columns = {
            name: np.empty((stop - start, *column.shape), column.dtype)
            for name, column in self.layout.columns.items()
        }
        seconds = {"decoding": 0.0, "inference": 0.0, "merging": 0.0}
        for group in self._completed(shard, seconds):
            for name, part in self._arrays(group).items():
                columns[name][np.subtract(group.rows, start)] = part
            seconds["decoding"] += group.seconds_cutting / self.threads
            seconds["merging"] += group.seconds_merging / self.threads
            self.bar.update(len(group.rows))
        return columns, self._runtime(stop - start, seconds)

    def _completed(self, shard: int, seconds: dict[str, float]) -> Iterator[Group[Stored]]:
        """A shard's rows, a group at a time, with what is to be stored of them."""
        keypoints, batch = KEYPOINTS in self.layout.columns, self.session.batch
        run = forward(self.session, flip=self.settings.flip, keypoints=keypoints)

        def checked(crops: np.ndarray, rows: Sequence[int]) -> Logits:
            before = time.perf_counter()
            logits = run(crops, rows)
            self._check_finite(rows, logits)
            seconds["inference"] += time.perf_counter() - before
            return logits

        looks = self.merge.first_looks(self.settings.views)
        depth = self.threads + math.ceil(batch / (GROUP * looks))
        groups = self._groups(shard)
        return completed(groups, checked, batch=batch, threads=self.threads, depth=depth)

    def _groups(self, shard: int) -> Iterator[Group[Stored]]:
        """The persons of a shard."""
        start, stop = self.layout.span(shard)
        card, again = self.session.card, self.merge.further > 0
        known = people(
            self.settings, card, self.store, slice(start, stop), shard=shard, framing=self.framing
        )
        for rows in _spans(self.store.column("image_index"), start, stop):
            own, rule = known[rows.start - start : rows.stop - start], self.merge.rule
            yield Group(rows=rows, people=own, store=self.store, rule=rule, asks_again=again)

    def _arrays(self, group: Group[Stored]) -> Arrays:
        """The arrays (B, V, ...) that keep a group's logits, all finite."""
        stored = (group.results[row] for row in group.rows)
        x, y, matrices, *refined = (np.stack(parts) for parts in zip(*stored, strict=True))
        arrays = self.encoding.encode("simcc_x", x) | self.encoding.encode("simcc_y", y)
        if refined:
            (arrays[KEYPOINTS],) = refined
        self._check_finite(group.rows, arrays.values())
        offset = self.session.card.label_offset
        return arrays | {"matrix": views.as_read(matrices, offset, flip=self.settings.flip)}

    def _check_finite(self, rows: Sequence[int], arrays: Iterable[np.ndarray]) -> None:
        for kept in arrays:
            finite = np.isfinite(kept).reshape(len(rows), -1).all(1)
            if not finite.all():
                row = rows[int(np.flatnonzero(~finite)[0])]
                raise ValueError(
                    f"{self.session.path}: logits that are not finite "
                    f"(as {self.encoding.name}) over {self.store.place(row)}"
                )

    def _runtime(self, num_rows: int, seconds: dict[str, float]) -> dict[str, Any]:
        return {
            "provider": self.session.provider,
            "onnxruntime": onnxruntime.__version__,
            "zarr": zarr.__version__,
            "numpy": np.__version__,
            "num_rows": num_rows,
            **{f"seconds_{step}": value for step, value in seconds.items()},
        }


def _spans(images: np.ndarray, start: int, stop: int) -> Iterator[range]:
    """Ranges of at most GROUP rows; persons of one of the `images` (N,) are parted if they must."""
    while start < stop:
        end = min(start + GROUP, stop)
        if end < stop:
            others = np.flatnonzero(np.diff(images[start : end + 1])) + start + 1
            end = int(others[-1]) if len(others) else end
        yield range(start, end)
        start = end
