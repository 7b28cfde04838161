"""The views of a person that a teacher is cached for: wider, closer and turned crops, and recorded
augmentations.

Shapes: N persons, V views.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np
import torch

from posecache import geometry
from posecache.logits.settings import Views
from posecache.models.card import Card
from posecache.samples.augmentation import draw_matrices
from posecache.skeletons import Skeleton


def matrices(
    views: Views,
    card: Card,
    boxes: np.ndarray,
    keypoints: np.ndarray,
    skeleton: Skeleton,
    shard: int,
) -> np.ndarray:
    """Matrices (N, V, 2, 3), image px to input px, of a shard's boxes (N, 4) xywh image px.

    Augmented views depend only on (seed, shard, view), never on how a run was divided into jobs.
    """
    drawn = []
    for view in range(views.augmented):
        rng = np.random.default_rng([views.seed, shard, view])
        drawn.append(
            draw_matrices(
                torch.from_numpy(boxes), torch.from_numpy(keypoints), skeleton,
                views.augmentation, card.padding, _size(card), rng,
            )
        )  # fmt: skip
    listed = crops(card, boxes, product(views.paddings or (card.padding,), views.rotations))
    return np.concatenate([listed, *(_framed(card, part)[:, None] for part in drawn)], axis=1)


def crops(card: Card, boxes: np.ndarray, framings: Iterable[tuple[float, float]]) -> np.ndarray:
    """Matrices (N, V, 2, 3), image px to input px, of boxes (N, 4) xywh image px: a crop for each
    padding (crop sides over box sides) and angle in degrees."""
    found = [
        geometry.box_matrices(boxes, _size(card), padding, angle) for padding, angle in framings
    ]
    empty = torch.empty((len(boxes), 0, 2, 3), dtype=torch.float64)
    return _framed(card, torch.stack(found, dim=1) if found else empty)


def _size(card: Card) -> tuple[int, int]:
    return card.crop_size or card.input_size


def _framed(card: Card, matrices: torch.Tensor) -> np.ndarray:
    """Matrices (..., 2, 3) to input px, of those to the px of crops around boxes."""
    return geometry.compose(_to_input(card), matrices).numpy()


def _to_input(card: Card) -> torch.Tensor:
    """The matrix (2, 3) from the px of a crop around its box to the model's input px."""
    if card.crop_size is not None:
        # A stretched crop is what the authors' code feeds; it aligns corners.
        return geometry.resize(card.crop_size, card.input_size, align_corners=True)
    if card.heatmap is not None and card.heatmap.udp:
        return geometry.to_outer_middles(card.input_size)
    return geometry.zoom(1.0)


def as_read(matrices: np.ndarray, offset: tuple[float, float], *, flip: bool) -> np.ndarray:
    """Matrices (..., 2, 3) by which a model's predictions on the crops of `matrices` are read.

    A model whose labels lay `offset` (x, y) image px too far to the right and down predicts where
    its crop's matrix carries a place that lies so much further. In a mirrored crop that is too far
    to the left of the picture; so the mean with the mirrored crop's logits, `flip`, is wider in x
    but does not lean there, and only y is made good.
    """
    linear = matrices[..., :2]
    right = 0.0 if flip else offset[0] * np.sign(np.linalg.det(linear))
    lean = np.stack(np.broadcast_arrays(right, np.full(matrices.shape[:-2], offset[1])), axis=-1)
    read = matrices.copy()
    read[..., 2] += (linear @ lean[..., None])[..., 0]
    return read


def as_cut(matrices: np.ndarray, offset: tuple[float, float], *, flip: bool) -> np.ndarray:
    """The matrices (..., 2, 3) that cut the crops, from those by which predictions are read."""
    return as_read(matrices, (-offset[0], -offset[1]), flip=flip)


def nearest(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Index (N,) of the view that is turned least relative to the student's crop, the first of
    several.

    `student` (N, 2, 3) and `teacher` (N, V, 2, 3) are matrices from image px; a mirror does not
    count as a turn.
    """
    between = geometry.compose(student[:, None], geometry.invert(teacher))
    mirrored = torch.linalg.det(between[..., :2]) < 0
    right = between[..., :2, 0] * torch.where(mirrored, -1.0, 1.0)[..., None]
    turn = torch.atan2(right[..., 1], right[..., 0]).abs()
    least = turn <= turn.amin(1, keepdim=True) + 1e-6  # rounding errors decide nothing
    return least.to(torch.uint8).argmax(dim=1)
