"""A user's own network and label loss, as `module:attribute` in a recipe."""

import os
import time
from typing import Any

import torch
from torch import Tensor, nn

from posecache.contract import SPLIT_RATIO
from posecache.models.networks import NETWORKS, Network, Size
from posecache.models.networks.rtmpose import RTMPose
from posecache.training.losses import Pair, Truth


def check(variant: Any, input_size: Size) -> int:
    """Its variant is a number of channels."""
    if not isinstance(variant, int):
        raise ValueError(f"variant {variant!r}: expected a number of channels")
    return variant


class Small(nn.Module):
    """One convolution, and a linear map of its mean to every bin; it has no part `backbone`."""

    def __init__(self, channels: int, num_keypoints: int, input_size: Size) -> None:
        super().__init__()
        self.shapes = [(-1, num_keypoints, int(side * SPLIT_RATIO)) for side in input_size]
        self.features = nn.Conv2d(3, channels, 3, padding=1)
        self.axes = nn.ModuleList(nn.Linear(channels, k * bins) for _, k, bins in self.shapes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.features(images).relu().mean((2, 3))
        x, y = (axis(mean).view(s) for axis, s in zip(self.axes, self.shapes, strict=True))
        return x, y


NETWORK = Network(check=check, factory="tiny_own:Small")


def absolute(pred: Pair, truth: Truth, beta: float, split_ratio: float) -> Tensor:
    """Mean absolute difference of logits and labels, times weight: (B, K)."""
    labels = (truth.label_x, truth.label_y)
    axes = [(p - label).abs().mean(-1) for p, label in zip(pred, labels, strict=True)]
    return torch.stack(axes).mean(0) * truth.weight


PAUSE = "TINY_PAUSE"  # seconds before each step: time to signal a run before it ends


def pause() -> None:
    time.sleep(float(os.environ.get(PAUSE, 0)))


class Dropping(Small):
    """The same with dropout, which draws from PyTorch's own random numbers."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pause()
        return super().forward(nn.functional.dropout(images, 0.1, self.training))


DROPPING = Network(check=check, factory="tiny_own:Dropping")


class Refining(Small):
    """Once it is trained it says, beside its logits, keypoints near the middle, and how dark."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, y = super().forward(images)
        if self.training:
            return x, y
        height, width = images.shape[2:]
        middle = torch.stack([x.mean(-1) + width / 2, y.mean(-1) + height / 2], -1)
        return x, y, middle, images.mean((1, 2, 3)).sigmoid().unsqueeze(1).expand(x.shape[:2])


REFINING = Network(check=check, factory="tiny_own:Refining")


class Blind(Small):
    """The same answer to every picture."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(torch.zeros_like(images))


BLIND = Network(check=check, factory="tiny_own:Blind")


class Exact(RTMPose):
    """RTMPose in double precision: a test may tell what rounding does from what is wrong."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.double()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pause()
        return super().forward(images.to(self.head.cls_x.weight.dtype))


EXACT = Network(check=NETWORKS["rtmpose"].check, factory="tiny_own:Exact")
