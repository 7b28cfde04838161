"""SimCC: a keypoint as two 1-D distributions, p(x) and q(y), over bins of 1 / split_ratio input px.

Shapes: B samples, K keypoints, Wx = width * split_ratio and Wy = height * split_ratio bins.
Functions take arrays or tensors and return tensors. Source of encode, decode and flip: MMPose
codecs/simcc_label.py, codecs/utils/post_processing.py, models/utils/tta.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from posecache.contract import SPLIT_RATIO
from posecache.geometry import Arrayish, as_float

Pairs = Sequence[tuple[int, int]]


def default_sigma(input_size: tuple[int, int]) -> tuple[float, float]:
    """Gaussian widths in bins for an input (width, height) in px: (4.9, 5.66) at (192, 256).

    RTMPose's published pairs all follow sqrt(side / 8).
    """
    return (input_size[0] / 8) ** 0.5, (input_size[1] / 8) ** 0.5


def encode(
    keypoints: Arrayish,
    labelled: Arrayish,
    input_size: tuple[int, int],
    sigma: tuple[float, float],
    split_ratio: float = SPLIT_RATIO,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussian labels with peak 1: x (B, K, Wx), y (B, K, Wy) and weight (B, K).

    `keypoints` (B, K, 2) in input px, `labelled` (B, K) in [0, 1], `sigma` in bins. A keypoint that
    is not labelled, or whose 3-sigma window misses the crop, has weight 0 and an all-zero label.
    """
    points, weight = as_float(keypoints), as_float(labelled).clone()
    bins = torch.round(points * split_ratio)
    sizes = [int(side * split_ratio) for side in input_size]
    for axis, size in enumerate(sizes):
        reach, place = 3 * sigma[axis], bins[..., axis]
        seen = (place - reach < size) & (place + reach + 1 >= 0)  # NaN compares as unseen
        weight = torch.where(seen, weight, 0)
    drawn = (weight >= 0.5).unsqueeze(-1)
    labels = []
    for axis, size in enumerate(sizes):
        distance = torch.arange(size, device=bins.device) - bins[..., axis, None]
        gaussian = torch.exp(-(distance**2) / (2 * sigma[axis] ** 2))
        labels.append(torch.where(drawn, gaussian, 0))
    return labels[0], labels[1], weight


def decode(
    simcc_x: Arrayish, simcc_y: Arrayish, split_ratio: float = SPLIT_RATIO
) -> tuple[Tensor, Tensor]:
    """Keypoints (B, K, 2) in input px and scores (B, K): arg-max per axis, the smaller maximum.

    A keypoint whose score is not positive lies at bin (-1, -1), as in MMPose.
    """
    peak_x, place_x = as_float(simcc_x).max(dim=-1)
    peak_y, place_y = as_float(simcc_y).max(dim=-1)
    scores = torch.minimum(peak_x, peak_y)
    bins = torch.stack([place_x, place_y], dim=-1).to(scores)
    return torch.where(scores.unsqueeze(-1) > 0, bins, -1) / split_ratio, scores


def swap_order(num_keypoints: int, flip_pairs: Pairs) -> list[int]:
    """Keypoint indices after left and right have changed places."""
    order = list(range(num_keypoints))
    for left, right in flip_pairs:
        order[left], order[right] = right, left
    return order


def flip(simcc_x: Arrayish, simcc_y: Arrayish, flip_pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Logits of the mirrored crop brought back: x bins reversed, left and right swapped."""
    x, y = as_float(simcc_x), as_float(simcc_y)
    order = swap_order(x.shape[-2], flip_pairs)
    return x[..., order, :].flip(-1), y[..., order, :]
