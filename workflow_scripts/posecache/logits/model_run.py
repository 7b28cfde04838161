"""Running a model over the samples of one shard; threads cut the crops ahead of it.

Shapes: N rows of the shard, V views (views.py), K keypoints.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime
import zarr
from tqdm import tqdm

from posecache import skeletons
from posecache.logits import views
from posecache.logits.encodings import Arrays, Encoding
from posecache.logits.settings import Views
from posecache.models.session import Session
from posecache.samples.pictures import crop_rows
from posecache.samples.store import SampleStore
from posecache.stores.layout import Layout
from posecache.threads import ahead, ranges


@dataclass
class Seconds:
    """Where the time went; `decoding` has an item per batch, as threads decode during inference."""

    decoding: list[float] = field(default_factory=list)
    inference: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """Runs a model over a sample store, shard by shard."""

    session: Session
    store: SampleStore
    layout: Layout
    views: Views
    flip: bool
    encoding: Encoding
    threads: int
    bar: tqdm

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
        matrices = self._matrices(shard)
        offset = self.session.card.label_offset
        columns["matrix"][:] = views.as_read(matrices, offset, flip=self.flip)
        seconds = Seconds()
        for rows, images in self._cut(start, stop, matrices, seconds):
            before = time.perf_counter()
            for name, part in self._logits(rows, images).items():
                columns[name][rows.start - start : rows.stop - start] = part
            seconds.inference += time.perf_counter() - before
            self.bar.update(len(rows))
        return columns, self._runtime(stop - start, seconds)

    def _matrices(self, shard: int) -> np.ndarray:
        """Matrices (N, V, 2, 3) from image px to input px, which cut the crops."""
        rows = slice(*self.layout.span(shard))
        boxes, keypoints = self.store.column("box")[rows], self.store.keypoints[rows]
        skeleton = skeletons.load(self.store.skeleton)
        return views.matrices(self.views, self.session.card, boxes, keypoints, skeleton, shard)

    def _cut(
        self, start: int, stop: int, matrices: np.ndarray, seconds: Seconds
    ) -> Iterator[tuple[range, np.ndarray]]:
        """Ranges of rows, and their crops (B * V, H, W, 3), the views of a row adjacent."""
        count, size = self.views.count, self.session.card.input_size

        def cut(rows: range) -> np.ndarray:
            before = time.perf_counter()
            each = [row for row in rows for _ in range(count)]
            part = matrices[rows.start - start : rows.stop - start].reshape(-1, 2, 3)
            images = crop_rows([self.store.picture(row) for row in each], part, size)
            seconds.decoding.append(time.perf_counter() - before)
            return images

        batches = list(ranges(start, stop, max(self.session.batch // count, 1)))
        yield from zip(batches, ahead(cut, batches, threads=self.threads), strict=True)

    def _logits(self, rows: range, images: np.ndarray) -> Arrays:
        """The arrays (B, V, ...) of the logits over crops (B * V, H, W, 3), all finite."""
        pair = self.session.run_flipped(images) if self.flip else self.session.run(images)
        arrays: Arrays = {}
        for axis, flat in zip(("simcc_x", "simcc_y"), pair, strict=True):
            logits = flat.reshape(len(rows), self.views.count, *flat.shape[1:])
            self._check_finite(rows, [logits])
            part = self.encoding.encode(axis, logits)
            self._check_finite(rows, part.values())
            arrays |= part
        return arrays

    def _check_finite(self, rows: range, arrays: Iterable[np.ndarray]) -> None:
        for kept in arrays:
            finite = np.isfinite(kept).reshape(len(rows), -1).all(1)
            if not finite.all():
                row = rows[int(np.flatnonzero(~finite)[0])]
                raise ValueError(
                    f"{self.session.path}: logits that are not finite "
                    f"(as {self.encoding.name}) over {self.store.place(row)}"
                )

    def _runtime(self, num_rows: int, seconds: Seconds) -> dict[str, Any]:
        return {
            "provider": self.session.provider,
            "onnxruntime": onnxruntime.__version__,
            "zarr": zarr.__version__,
            "numpy": np.__version__,
            "num_rows": num_rows,
            "seconds_decoding": sum(seconds.decoding) / self.threads,
            "seconds_inference": seconds.inference,
        }
