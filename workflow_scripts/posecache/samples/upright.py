"""Upright crops of a sample set's people, as a model is shown them when it is scored.

Shapes: N persons, B of them, H x W the model's input px.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from posecache import files, geometry
from posecache.samples.pictures import Size, crop_rows
from posecache.samples.store import SampleStore
from posecache.threads import ahead, ranges


class UprightCrops:
    """Crops that are cut from the pictures once, and then lie in a file without a name.

    Memory does not grow with the number of people; the file, of 3 bytes a px, goes when the process
    ends, however it does.
    """

    def __init__(
        self, store: SampleStore, size: Size, padding: float, folder: Path, threads: int = 1
    ) -> None:
        """`size` (width, height) px, `padding` crop sides over box sides; the file's disk is that
        of `folder`. Raises ValueError for a picture that is missing or of another size."""
        store.check_pictures(0, store.n)
        self.store, self.size, self.folder, self.threads = store, size, folder, threads
        self.matrices = geometry.box_matrices(store.column("box"), size, padding).numpy()
        self._kept: np.ndarray | None = None  # (N, H, W, 3)

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Crops (B, H, W, 3) uint8 RGB of at most `size` people, and the matrices (B, 2, 3), image
        px to crop px, that cut them. ValueError names a person whose picture has changed."""
        if self._kept is None:
            yield from self._cut(size)
            return
        for rows in ranges(0, self.store.n, size):
            own = slice(rows.start, rows.stop)
            yield np.array(self._kept[own]), self.matrices[own]

    def _cut(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        def crops(rows: range) -> tuple[np.ndarray, np.ndarray]:
            matrices = self.matrices[rows.start : rows.stop]
            return crop_rows(
                [self.store.picture(row) for row in rows], matrices, self.size
            ), matrices

        self.folder.mkdir(parents=True, exist_ok=True)
        with files.naming(self.folder), tempfile.TemporaryFile(dir=self.folder) as file:
            for images, matrices in ahead(
                crops, ranges(0, self.store.n, size), threads=self.threads
            ):
                file.write(images.tobytes())
                yield images, matrices
            file.flush()
            shape = (self.store.n, self.size[1], self.size[0], 3)
            self._kept = np.memmap(file, np.uint8, "r", shape=shape)
