"""A contact sheet: the first people of a ranking, with their labels and what models say.

Shapes: N persons, K keypoints.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from posecache import files, geometry
from posecache.labelling.opinions import Opinions
from posecache.report.drawing import draw
from posecache.samples.pictures import encode, read_image, warp
from posecache.samples.store import SampleStore
from posecache.threads import ahead

TILE = (192, 256)  # px: width, height of a person's picture
COLUMNS = 8
QUALITY = 85  # JPEG
SEEN = 0.2  # the score above which a model's keypoint is drawn
PADDING = 1.4  # of a tile's sides over the box's
WHITE = (255, 255, 255)


def write(
    path: Path,
    samples: SampleStore,
    opinions: Opinions,
    labels: np.ndarray,
    rows: Sequence[int],
    threads: int = 1,
) -> None:
    """Write a JPEG of the people at `rows`, eight a line, each with its rank.

    `labels` (N, K, 2) image px are green, the models' mean is red. Raises ValueError naming a
    picture that is missing or another one.
    """
    sheet = _Sheet(samples, opinions, labels)
    tiles = list(ahead(sheet.tile, enumerate(rows, start=1), threads=threads))
    empty = np.zeros_like(tiles[0])
    tiles += [empty] * (-len(tiles) % COLUMNS)
    lines = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    files.write_atomically(path, encode(np.vstack(lines), QUALITY))


class _Sheet:
    """Draws people."""

    def __init__(self, samples: SampleStore, opinions: Opinions, labels: np.ndarray) -> None:
        self._samples, self._opinions, self._labels = samples, opinions, labels
        self._matrices = geometry.box_matrices(samples.column("box"), TILE, PADDING).numpy()
        self._mean, self._scores = opinions.mean, opinions.mean_score

    def tile(self, ranked: tuple[int, int]) -> np.ndarray:
        """The picture (H, W, 3) uint8 RGB of a person of (rank, row)."""
        (rank, row), skeleton = ranked, self._opinions.skeleton
        picture, matrix = self._samples.picture(row), self._matrices[row]
        tile = warp(read_image(picture.path, picture.digest), matrix, TILE)
        labels, said = self._labels[row], self._mean[row]
        for points, seen, marked in (
            (labels, ~np.isnan(labels).any(-1), ()),
            (said, self._scores[row] > SEEN, skeleton.keypoints),
        ):
            inside = geometry.apply(matrix, np.nan_to_num(points)).numpy()
            tile = draw(tile, inside[None], seen[None], skeleton, marked)
        cv2.putText(tile, str(rank), (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, WHITE, 1, cv2.LINE_AA)
        return tile
