"""What models say of a few people: from their caches, or where there is none by running them.

Shapes: B people, K keypoints, Wx and Wy bins, H x W px of a crop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from posecache import geometry, simcc, skeletons
from posecache.contract import SPLIT_RATIO
from posecache.logits import views
from posecache.logits.store import open as open_logits
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.report.contents import Contents
from posecache.samples import pictures
from posecache.samples.pictures import Size
from posecache.samples.store import SampleStore
from posecache.scores.predictions import Predictions, decoded
from posecache.skeletons import Skeleton

CACHED, LIVE = "from its cache", "run for this page"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a model says of the crops of some people."""

    x: np.ndarray  # (B, K, Wx) float32
    y: np.ndarray  # (B, K, Wy) float32
    refined: Sequence[np.ndarray] = ()  # a refined model's keypoints (B, K, 3), see heads.Said
    matrix: np.ndarray  # (B, 2, 3), image px to input px
    input_size: Size
    split_ratio: float
    beta: float
    skeleton: Skeleton
    origin: str  # CACHED or LIVE

    @property
    def predictions(self) -> Predictions:
        """What is scored."""
        said = (self.x, self.y, *self.refined)
        return decoded(said, self.matrix, self.input_size, self.split_ratio)

    def carried(self, matrix: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distributions (B, K, 2 W) and (B, K, 2 H) in the crops of `size` (W, H) px that `matrix`
        (B, 2, 3) cuts, and the share (B, K) that lies inside."""
        to_bins = geometry.zoom(self.split_ratio / SPLIT_RATIO)
        own = geometry.compose(to_bins, self.matrix)
        between = geometry.compose(matrix, geometry.invert(own))
        pairs = self.skeleton.flip_pairs
        found = simcc.transport(self.x, self.y, between, size, pairs, beta=self.beta)
        x, y, mass = (part.numpy() for part in found)
        return x, y, mass


class Looks:
    """Asks the models of an experiment; each is opened once."""

    def __init__(self, contents: Contents, threads: int = 1) -> None:
        self.contents, self.threads = contents, threads
        self._sessions: dict[str, Session] = {}

    def of(
        self, model: str, samples: SampleStore, rows: Sequence[int], upright: np.ndarray
    ) -> Look | None:
        """What a model says of the people at some rows; None if there is neither cache nor model.

        Of several cached views it is the one that is turned least against `upright` (B, 2, 3).
        """
        name = samples.folder.name
        if (model, name) in self.contents.logits:
            return _cached(self.contents.logits[model, name], samples, rows, upright)
        if model not in self.contents.models:
            return None
        return _live(self._session(model), samples, rows, flip=self.contents.flip)

    def _session(self, model: str) -> Session:
        if model not in self._sessions:
            folder = self.contents.models[model]
            card = Card.load(folder / CARD_FILE)
            self._sessions[model] = Session(
                folder / MODEL_FILE, card, batch=8, threads=self.threads
            )
        return self._sessions[model]


def _cached(folder: Path, samples: SampleStore, rows: Sequence[int], upright: np.ndarray) -> Look:
    """What a store holds; of its logits only the rows are read."""
    store = open_logits(folder, samples=samples)
    parts = [store.read(slice(row, row + 1)) for row in rows]
    x, y, matrices = (np.concatenate(axis) for axis in zip(*parts, strict=True))
    view = views.nearest(torch.from_numpy(upright), torch.from_numpy(matrices)).numpy()
    each = np.arange(len(rows))
    return Look(
        x=x[each, view].astype(np.float32),
        y=y[each, view].astype(np.float32),
        refined=[part[each, view] for part in store.refined(np.array(rows))],
        matrix=matrices[each, view],
        input_size=store.input_size,
        split_ratio=store.split_ratio,
        beta=store.beta,
        skeleton=skeletons.load(store.skeleton),
        origin=CACHED,
    )


def _live(session: Session, samples: SampleStore, rows: Sequence[int], *, flip: bool) -> Look:
    """What is said of upright crops, as it is cached where people are scored."""
    card = session.card
    cut = upright_crops(card, samples, rows)
    crops = crops_of(samples, rows, cut, card.input_size)
    x, y, *refined = session.run_flipped(crops) if flip else session.run(crops)
    return Look(
        x=x,
        y=y,
        refined=refined,
        matrix=views.as_read(cut, card.label_offset, flip=flip),
        input_size=card.input_size,
        split_ratio=card.split_ratio,
        beta=card.beta,
        skeleton=skeletons.load(card.skeleton),
        origin=LIVE,
    )


def upright_crops(card: Card, samples: SampleStore, rows: Sequence[int]) -> np.ndarray:
    """Matrices (B, 2, 3), image px to input px, of a model's own crops of some people."""
    boxes = samples.column("box")[list(rows)]
    return views.crops(card, boxes, [(card.padding, 0.0)])[:, 0]


def crops_of(
    samples: SampleStore, rows: Sequence[int], matrices: np.ndarray, size: Size
) -> np.ndarray:
    """Crops (B, H, W, 3) uint8 RGB of some people, which `matrices` (B, 2, 3) cut from pictures;
    of a training set from the enlarged crops that it keeps."""
    if samples.identity["crops"] is None:
        return pictures.crop_rows([samples.picture(row) for row in rows], matrices, size)
    crops = np.empty((len(rows), size[1], size[0], 3), np.uint8)
    for place, row in enumerate(rows):
        (kept,) = samples.crops(row, row + 1).images()
        own = samples.column("crop_matrix")[row].astype(np.float64)
        between = geometry.compose(matrices[place], geometry.invert(own)).numpy()
        crops[place] = pictures.warp(kept, between, size)
    return crops
