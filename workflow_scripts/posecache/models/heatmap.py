"""Heat maps read as SimCC logits: the marginals of each map, on the bins of every other teacher.

Shapes: B crops, K keypoints, h x w cells of a map, W x H input px, Wx and Wy bins.
Cell i lies at input px i * W / w, or with `udp` at i * (W - 1) / (w - 1). Source: MMPose
codecs/msra_heatmap.py, codecs/udp_heatmap.py, models/utils/tta.py.
"""

import math
from functools import cache

import numpy as np
import torch
from scipy.interpolate import CubicHermiteSpline
from torch import Tensor

from posecache import simcc
from posecache.contract import BETA, SPLIT_RATIO
from posecache.models.settings import Heatmap

# As far as a SimCC label's softmax(BETA * Gaussian) falls: a map's cells may be 0, whose log is not
# finite.
FLOOR = math.exp(-BETA)


def flip_back(maps: Tensor, flip_pairs: simcc.Pairs, how: Heatmap) -> Tensor:
    """Maps (B, K, h, w) of the mirrored crop brought back; with `shift` one cell to the right."""
    back = maps[:, simcc.swap_order(maps.shape[1], flip_pairs)].flip(-1)
    return torch.cat([back[..., :1], back[..., :-1]], dim=-1) if how.shift else back


def to_logits(
    maps: Tensor, how: Heatmap, input_size: tuple[int, int], *, flipped: bool = False
) -> tuple[Tensor, Tensor]:
    """Logits x (B, K, Wx) and y (B, K, Wy) of maps (B, K, h, w); `input_size` is (W, H).

    softmax(BETA * logits) is the map's marginal, and the largest logit is the map's own maximum,
    which MMPose takes for the keypoint's score. `flipped` maps are means with `flip_back`'s.
    """
    score = maps.amax((-2, -1))[..., None]
    logits = []
    for side, summed in zip(input_size, (-2, -1), strict=True):
        marginal = _log_marginal(maps, summed, how.softmax)
        step = cell_step(side, marginal.shape[-1], how)
        first = lean(side, marginal.shape[-1], how) if flipped and summed == -2 else 0.0
        values = marginal @ _spline(marginal.shape[-1], step, first, side) / BETA
        logits.append(values - values.amax(-1, keepdim=True) + score)
    return logits[0], logits[1]


def cell_step(side: int, cells: int, how: Heatmap) -> float:
    """Input px from one cell to the next, along an axis of `side` px."""
    return (side - 1) / (cells - 1) if how.udp else side / cells


def lean(width: int, cells: int, how: Heatmap) -> float:
    """Input px by which the mean with `flip_back`'s maps lies too far to the left of its cells.

    A cell of the mirrored crop at u lies at width - 1 - u of the crop itself; where that is not a
    cell again, the maps meet a part of a cell apart, and their mean lies halfway.
    """
    step = cell_step(width, cells, how)
    return (width - 1 - (cells - 1) * step - how.shift * step) / 2


def _log_marginal(maps: Tensor, summed: int, factor: float | None) -> Tensor:
    """Log of the mass (B, K, cells), up to a constant, of maps summed over one axis."""
    if factor is not None:
        return torch.logsumexp(factor * maps, dim=summed)
    mass = maps.clamp_min(0).sum(summed)
    floor = FLOOR * mass.amax(-1, keepdim=True)
    return torch.maximum(mass, floor.clamp_min(torch.finfo(mass.dtype).tiny)).log()


@cache
def _spline(cells: int, step: float, first: float, side: int) -> Tensor:
    """Weights (cells, bins) that interpolate values at px first, first + step, ... at each bin.

    A Catmull-Rom spline: it gives parabolas back exactly, so the logarithm of a Gaussian keeps its
    middle between the cells. Beyond the outer cells their values are kept.
    """
    places = first + step * np.arange(cells)
    bins = np.arange(int(side * SPLIT_RATIO)) / SPLIT_RATIO
    eye = np.eye(cells)
    spline = CubicHermiteSpline(places, eye, np.gradient(eye, step, axis=0, edge_order=2))
    weights = spline(bins.clip(places[0], places[-1]))
    return torch.from_numpy(np.ascontiguousarray(weights.T, np.float32))
