"""What a network gives, and how it becomes SimCC logits: the two kinds of head.

Shapes: B crops, K keypoints, h x w cells of a heat map, Wx and Wy bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from posecache import simcc, skeletons
from posecache.models import heatmap
from posecache.models.card import Card
from posecache.models.export import OUTPUTS
from posecache.models.settings import Heatmap

Arrays = list[np.ndarray]


class Head(Protocol):
    """Reads a network's outputs."""

    def outputs(self, names: Sequence[str]) -> Sequence[str]:
        """Those of the file's outputs that are read."""

    def back(self, outputs: Arrays) -> Arrays:
        """Outputs of mirrored crops as those of the crops themselves."""

    def logits(self, outputs: Arrays, *, flipped: bool) -> tuple[np.ndarray, np.ndarray]:
        """Logits x (B, K, Wx) and y (B, K, Wy); `flipped` outputs are means with `back`'s."""


@dataclass(frozen=True)
class SimCCHead:
    """Outputs simcc_x (B, K, Wx) and simcc_y (B, K, Wy), which are the logits."""

    flip_pairs: simcc.Pairs

    def outputs(self, names: Sequence[str]) -> Sequence[str]:
        return OUTPUTS

    def back(self, outputs: Arrays) -> Arrays:
        x, y = outputs
        return [axis.numpy() for axis in simcc.flip(x, y, self.flip_pairs)]

    def logits(self, outputs: Arrays, *, flipped: bool) -> tuple[np.ndarray, np.ndarray]:
        x, y = outputs
        return x, y


@dataclass(frozen=True)
class HeatmapHead:
    """One output, heat maps (B, K, h, w)."""

    flip_pairs: simcc.Pairs
    how: Heatmap
    input_size: tuple[int, int]  # width, height in px

    def outputs(self, names: Sequence[str]) -> Sequence[str]:
        return names

    def back(self, outputs: Arrays) -> Arrays:
        (maps,) = outputs
        return [heatmap.flip_back(torch.from_numpy(maps), self.flip_pairs, self.how).numpy()]

    def logits(self, outputs: Arrays, *, flipped: bool) -> tuple[np.ndarray, np.ndarray]:
        (maps,) = outputs
        x, y = heatmap.to_logits(torch.from_numpy(maps), self.how, self.input_size, flipped=flipped)
        return x.numpy(), y.numpy()


def head_of(card: Card) -> Head:
    """The head of a card's model."""
    flip_pairs = skeletons.load(card.skeleton).flip_pairs
    if card.heatmap is None:
        return SimCCHead(flip_pairs)
    return HeatmapHead(flip_pairs, card.heatmap, card.input_size)
