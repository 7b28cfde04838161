"""What a network gives, and how it becomes SimCC logits: the two kinds of head.

A refined network gives keypoints beside its logits, which are then its predictions.

Shapes: B crops, K keypoints, h x w cells of a heat map, Wx and Wy bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from posecache import geometry, simcc, skeletons
from posecache.geometry import Arrayish
from posecache.models import heatmap
from posecache.models.card import Card
from posecache.models.export import OUTPUTS, REFINED
from posecache.models.settings import Heatmap

Arrays = list[np.ndarray]
# Logits x (B, K, Wx) and y (B, K, Wy), and of a refined model its keypoints (B, K, 3): x and y in
# input px, and the score.
Said: TypeAlias = tuple[np.ndarray, ...]


class Head(Protocol):
    """Reads a network's outputs."""

    def outputs(self, names: Sequence[str]) -> Sequence[str]:
        """Those of the file's outputs that are read."""

    def back(self, outputs: Arrays) -> Arrays:
        """Outputs of mirrored crops as those of the crops themselves."""

    def read(self, outputs: Arrays, *, flipped: bool) -> Said:
        """What they say; `flipped` outputs are means with `back`'s."""


@dataclass(frozen=True)
class SimCCHead:
    """Outputs simcc_x (B, K, Wx) and simcc_y (B, K, Wy), which are the logits; of a `refined`
    network also keypoints (B, K, 2) in input px and scores (B, K)."""

    flip_pairs: simcc.Pairs
    width: int  # of the input, px
    refined: bool

    def outputs(self, names: Sequence[str]) -> Sequence[str]:
        return OUTPUTS + REFINED if self.refined else OUTPUTS

    def back(self, outputs: Arrays) -> Arrays:
        return [part.numpy() for part in brought_back(outputs, self.flip_pairs, self.width)]

    def read(self, outputs: Arrays, *, flipped: bool) -> Said:
        return tuple(part.numpy() for part in joined([*map(torch.from_numpy, outputs)]))


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

    def read(self, outputs: Arrays, *, flipped: bool) -> Said:
        (maps,) = outputs
        x, y = heatmap.to_logits(torch.from_numpy(maps), self.how, self.input_size, flipped=flipped)
        return x.numpy(), y.numpy()


def brought_back(outputs: Sequence[Arrayish], flip_pairs: simcc.Pairs, width: int) -> list[Tensor]:
    """Logits, and of a refined network keypoints and scores, of mirrored crops as those of the
    crops themselves: px u of a crop `width` px wide is px width - 1 - u of the mirrored one."""
    x, y, *refined = outputs
    back = [*simcc.flip(x, y, flip_pairs)]
    if refined:
        keypoints, scores = map(torch.as_tensor, refined)
        order = simcc.swap_order(scores.shape[-1], flip_pairs)
        mirrored = geometry.apply(geometry.mirror(width).to(keypoints), keypoints)
        back += [mirrored[:, order], scores[:, order]]
    return back


def joined(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The logits, and of a refined network the keypoints with their scores (B, K, 3)."""
    x, y, *refined = outputs
    if not refined:
        return x, y
    keypoints, scores = refined
    return x, y, torch.cat([keypoints, scores.unsqueeze(-1)], dim=-1)


def head_of(card: Card) -> Head:
    """The head of a card's model."""
    flip_pairs = skeletons.load(card.skeleton).flip_pairs
    if card.heatmap is None:
        return SimCCHead(flip_pairs, card.input_size[0], card.refined)
    return HeatmapHead(flip_pairs, card.heatmap, card.input_size)
