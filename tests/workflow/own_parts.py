"""Parts that a user may write: a dataset format, a network, a label loss and an encoding."""

import csv
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posecache import skeletons
from posecache.datasets.records import Annotations, Format, Source
from posecache.logits.encodings import Encoding
from posecache.models.networks import Network, Size


def read(source: Source) -> Annotations:
    """Read a CSV whose rows have a picture, a box, a head's size and the keypoints' positions."""
    with source.annotations.open() as file:
        people = list(csv.DictReader(file))
    names = skeletons.load(source.skeleton).keypoints
    images = sorted({person["image"] for person in people})
    index = np.array([images.index(person["image"]) for person in people])
    box = np.array([[float(p[k]) for k in ("x", "y", "w", "h")] for p in people], np.float32)
    keypoints = [[(float(p[f"{n}_x"]), float(p[f"{n}_y"])) for n in names] for p in people]
    return Annotations(
        source=source,
        image_paths=images,
        image_index=index,
        image_id=index,
        instance_id=np.arange(len(people)),
        box=box,
        keypoints=np.array(keypoints, np.float32),
        visibility=np.full((len(people), len(names)), 2, np.uint8),
        area=box[:, 2] * box[:, 3],
        head_size=np.array([float(p["head"]) for p in people], np.float32),
        box_score=np.ones(len(people), np.float32),
        dropped={},
    )


FORMAT = Format(read)


class Pooled(nn.Module):
    """Two convolutions, their features pooled to a grid, and a linear map to all bins."""

    def __init__(self, width: int, num_keypoints: int, input_size: Size) -> None:
        super().__init__()
        self.shapes = [(num_keypoints, 2 * side) for side in input_size]
        self.backbone = nn.Sequential(
            nn.Conv2d(3, width, 5, stride=4, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        cells = width * (input_size[0] // 8) * (input_size[1] // 8)
        self.heads = nn.ModuleList(nn.Linear(cells, k * bins) for k, bins in self.shapes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(images).flatten(1)
        x, y = (h(features).reshape(-1, *s) for h, s in zip(self.heads, self.shapes, strict=True))
        return x, y


def check(variant: Any, input_size: Size) -> int:
    """The number of channels."""
    if not isinstance(variant, int) or variant <= 0:
        raise ValueError(f"variant {variant!r}: expected a number of channels")
    return variant


NETWORK = Network(check=check, factory="own_parts:Pooled")


def squared(pred: tuple[Tensor, Tensor], truth: Any, beta: float, split_ratio: float) -> Tensor:
    """The summed squared difference of the two distributions."""
    axes = [
        (torch.softmax(beta * p, -1) - torch.softmax(beta * t, -1)).square().sum(-1)
        for p, t in zip(pred, (truth.label_x, truth.label_y), strict=True)
    ]
    return (axes[0] + axes[1]) * truth.weight


COARSE = Encoding("own_parts:COARSE", "uint8", (0.0, 0.01, *(n / 32 for n in range(1, 33))))
