"""SimCC: a keypoint as two 1-D distributions, p(x) and q(y), over bins of 1 / split_ratio input px.

Shapes: B samples, K keypoints, Wx = width * split_ratio and Wy = height * split_ratio bins.
Functions take arrays or tensors and return tensors. Source of encode, decode and flip: MMPose
codecs/simcc_label.py, codecs/utils/post_processing.py, models/utils/tta.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from posecache.contract import BETA, SPLIT_RATIO
from posecache.geometry import Arrayish, as_float

Pairs = Sequence[tuple[int, int]]
FINE = 3  # fine bins per bin; odd, so that a bin holds whole fine bins


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
        distance = torch.arange(size).to(bins) - bins[..., axis, None]
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


@torch.no_grad()
def transport(
    simcc_x: Arrayish,
    simcc_y: Arrayish,
    matrix: Arrayish,
    out_size: tuple[int, int],
    flip_pairs: Pairs = (),
    split_ratio: float = SPLIT_RATIO,
    beta: float = BETA,
) -> tuple[Tensor, Tensor, Tensor]:
    """Carry a teacher's prediction into a student's crop.

    `simcc_x` (B, K, Wx) and `simcc_y` (B, K, Wy) are logits, `matrix` (B, 2, 3) maps teacher-input
    px to student-input px, `out_size` is the student's (width, height) in px. Returns prob_x
    (B, K, Wx'), prob_y (B, K, Wy'), which sum to 1 where mass > 0, and mass (B, K) in [0, 1], the
    share that stays inside the crop. A mirroring matrix swaps `flip_pairs`.

    The prediction is read as the density softmax(beta x) softmax(beta y), constant inside a bin;
    each student marginal is the law of a sum of two scaled marginals, so it is exact where the
    matrix is diagonal and a convolution where it turns.
    """
    x, y = as_float(simcc_x), as_float(simcc_y)
    prob_x, prob_y = torch.softmax(beta * x, dim=-1), torch.softmax(beta * y, dim=-1)
    # In double precision, as a bin edge that moves by a rounding error moves mass across it.
    matrix = as_float(matrix).to(x.device, torch.float64)
    mirrored = torch.linalg.det(matrix[:, :, :2]) < 0
    order = swap_order(x.shape[1], flip_pairs)
    select = mirrored[:, None, None]
    prob_x = torch.where(select, prob_x[:, order], prob_x)
    prob_y = torch.where(select, prob_y[:, order], prob_y)
    out_x = _marginal(prob_x, prob_y, matrix[:, 0], int(out_size[0] * split_ratio), split_ratio)
    out_y = _marginal(prob_x, prob_y, matrix[:, 1], int(out_size[1] * split_ratio), split_ratio)
    mass_x, mass_y = out_x.sum(-1), out_y.sum(-1)
    tiny = torch.finfo(x.dtype).tiny
    out_x = out_x / mass_x.clamp_min(tiny).unsqueeze(-1)
    out_y = out_y / mass_y.clamp_min(tiny).unsqueeze(-1)
    return out_x, out_y, (mass_x * mass_y).clamp(0, 1)


def _marginal(prob_x: Tensor, prob_y: Tensor, row: Tensor, size: int, split: float) -> Tensor:
    """Mass (B, K, size) per output bin of row[0] * x + row[1] * y + row[2], row (B, 3) in px."""
    a, b, offset = row[:, :1], row[:, 1:2], row[:, 2:] * split
    if not bool(b.any()):
        return _push(prob_x, a, offset, 0, size)
    if not bool(a.any()):
        return _push(prob_y, b, offset, 0, size)
    return _convolved(prob_x, prob_y, a, b, offset, size)


def _convolved(
    prob_x: Tensor, prob_y: Tensor, a: Tensor, b: Tensor, offset: Tensor, size: int
) -> Tensor:
    """The law of a * x + b * y + offset on bins 0 ... size - 1, in bins; a, b, offset (B, 1).

    Works in thirds of a bin, as rounding both summands to whole bins would blur their sum; both are
    centred at their middles so that two short grids hold them whole.
    """
    a, b, offset = a * FINE, b * FINE, offset * FINE
    mid_x, mid_y = (prob_x.shape[-1] - 1) / 2, (prob_y.shape[-1] - 1) / 2
    # The narrower summand, perhaps a spike, is brought to a whole place and the wider one takes
    # the fraction, as rounding a spike would shift the sum.
    x_is_wider = a.abs() >= b.abs()
    rest_x = torch.where(x_is_wider, 0, _fraction(a * (_mean(prob_x) - mid_x)))
    rest_y = torch.where(x_is_wider, _fraction(b * (_mean(prob_y) - mid_y)), 0)
    shift = offset + a * mid_x + b * mid_y + rest_x + rest_y
    fraction = _fraction(shift)
    reach_x = int((a.abs().max() * (mid_x + 0.5)).ceil()) + 2
    reach_y = int((b.abs().max() * (mid_y + 0.5)).ceil()) + 2
    place_x = -a * mid_x - rest_x + torch.where(x_is_wider, fraction, 0)
    place_y = -b * mid_y - rest_y + torch.where(x_is_wider, 0, fraction)
    part_x = _push(prob_x, a, place_x, -reach_x, 2 * reach_x + 1)
    part_y = _push(prob_y, b, place_y, -reach_y, 2 * reach_y + 1)
    first = (shift - fraction).round().long() - reach_x - reach_y
    return _window(_convolve(part_x, part_y), first, size)


def _convolve(part_x: Tensor, part_y: Tensor) -> Tensor:
    """Convolution along the last axis, by FFT."""
    length = part_x.shape[-1] + part_y.shape[-1] - 1
    padded = -(-length // 64) * 64  # a length of large prime factors would make the FFT slow
    spectrum = torch.fft.rfft(part_x, padded) * torch.fft.rfft(part_y, padded)
    return torch.fft.irfft(spectrum, padded)[..., :length].clamp_min(0)


def _window(fine: Tensor, first: Tensor, size: int) -> Tensor:
    """Bins 0 ... size - 1 (B, K, size) of fine masses (B, K, L) that start at place `first`."""
    index = torch.arange(FINE * size, device=fine.device) - FINE // 2 - first.unsqueeze(-1)
    inside = (index >= 0) & (index < fine.shape[-1])
    values = fine.gather(-1, index.clamp(0, fine.shape[-1] - 1))
    return torch.where(inside, values, 0).unflatten(-1, (size, FINE)).sum(-1)


def _mean(prob: Tensor) -> Tensor:
    return prob @ torch.arange(prob.shape[-1], device=prob.device, dtype=prob.dtype)


def _fraction(values: Tensor) -> Tensor:
    return values - values.round()


def _push(prob: Tensor, factor: Tensor, offset: Tensor, first: int, count: int) -> Tensor:
    """Mass (B, K, count) of factor * u + offset in the bins first, first + 1, ...

    `prob` (B, K, W) is the law of u, constant inside each bin [i - 1/2, i + 1/2]; `factor` (B, 1)
    and `offset` (B, 1) or (B, K), all in bins.
    """
    bins = prob.shape[-1]
    cumulative = torch.nn.functional.pad(prob.cumsum(-1), (1, 0))
    cumulative = cumulative / cumulative[..., -1:]
    edges = torch.arange(first, first + count + 1, device=prob.device, dtype=factor.dtype) - 0.5
    # A factor of 0 puts all mass at the offset; its sign is irrelevant there.
    factor = torch.where(factor.abs() < 1e-9, 1e-9, factor)
    place = ((edges - offset.unsqueeze(-1)) / factor.unsqueeze(-1) + 0.5).clamp(0, bins)
    left = place.floor().clamp_max(bins - 1)
    fraction = (place - left).to(prob)
    index = left.long().expand(-1, prob.shape[1], -1)
    below, above = cumulative.gather(-1, index), cumulative.gather(-1, index + 1)
    return torch.lerp(below, above, fraction).diff(dim=-1).abs()
