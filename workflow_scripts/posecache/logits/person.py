"""A person whom a model looks at several times, and predictions carried to the upright crop.

Shapes: L looks (crops of one person), K keypoints, Wx and Wy bins.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from posecache import geometry, simcc, skeletons
from posecache.logits import views
from posecache.models.card import Card

# x (L, K, Wx) and y (L, K, Wy); where looks are stored as they are, a refined model's keypoints
# (L, K, 3), too: x and y in input px, and the score.
Logits: TypeAlias = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Carried:
    """Predictions of several looks in the upright crop."""

    prob_x: Tensor  # (L, K, Wx), sums to 1 where mass > 0
    prob_y: Tensor  # (L, K, Wy)
    mass: Tensor  # (L, K) in [0, 1]: the share that lies inside the crop
    peak: Tensor  # (L, K, 2): the largest logit of each axis

    def __getitem__(self, looks: slice | Tensor) -> "Carried":
        """Some of the looks."""
        return Carried(self.prob_x[looks], self.prob_y[looks], self.mass[looks], self.peak[looks])


@dataclass(frozen=True, kw_only=True)
class Person:
    """What a rule of merging (merging.py) knows of a person and of the model."""

    card: Card
    flip: bool  # whether logits are means with the mirrored crop's
    box: np.ndarray  # (4,) xywh image px
    looks: np.ndarray  # (L, 2, 3), image px to input px: the first looks
    upright: np.ndarray  # (2, 3): the model's own crop

    @cached_property
    def _flip_pairs(self) -> tuple[tuple[int, int], ...]:
        return skeletons.load(self.card.skeleton).flip_pairs

    def carry(self, matrices: np.ndarray, logits: Logits) -> Carried:
        """Logits over the crops of `matrices` (L, 2, 3) as distributions in the upright crop."""
        x, y = map(torch.from_numpy, logits)
        peak = torch.stack([x.amax(-1), y.amax(-1)], dim=-1)
        between = geometry.compose(self._read(self.upright), geometry.invert(self._read(matrices)))
        prob_x, prob_y, mass = torch.empty_like(x), torch.empty_like(y), torch.ones(x.shape[:2])
        usual = torch.from_numpy((matrices == self.upright).all((-1, -2)))
        prob_x[usual] = torch.softmax(self.card.beta * x[usual], -1)
        prob_y[usual] = torch.softmax(self.card.beta * y[usual], -1)
        if not usual.all():
            prob_x[~usual], prob_y[~usual], mass[~usual] = simcc.transport(
                x[~usual], y[~usual], between[~usual], self.card.input_size, self._flip_pairs,
                self.card.split_ratio, self.card.beta,
            )  # fmt: skip
        return Carried(prob_x, prob_y, mass, peak)

    def _read(self, matrices: np.ndarray) -> np.ndarray:
        """The matrices by which predictions on these crops are read."""
        return views.as_read(matrices, self.card.label_offset, flip=self.flip)


Result = TypeVar("Result")
# A generator for one person: it yields matrices (L, 2, 3) of crops and is sent logits over them.
Rule: TypeAlias = Callable[[Person], Generator[np.ndarray, Logits, Result]]
