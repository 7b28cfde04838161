"""SimCC: a keypoint as two 1-D distributions, p(x) and q(y), over bins of 1 / split_ratio input px.

Shapes: B samples, K keypoints, Wx = width * split_ratio and Wy = height * split_ratio bins.
Functions take arrays or tensors and return tensors. Source of encode, decode and flip: MMPose
codecs/simcc_label.py, codecs/utils/post_processing.py, models/utils/tta.py.

`transport` carries a prediction from one crop into another. It reads one as the density p(x) q(y),
constant inside a bin. Under an affine map the new x is a * x + b * y + c, so its law is that of a
sum of two scaled marginals: a resampling where the crops are not turned against each other, else a
convolution. The matrices are few numbers that the host knows: it decides by them which rows take
which way and how long the arrays are, so that a CUDA device is never waited for. T: turned samples.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

from posecache.contract import BETA, SPLIT_RATIO
from posecache.devices import onto
from posecache.geometry import Arrayish, as_float

Pairs = Sequence[tuple[int, int]]
# Places per bin where two laws are added: rounding both to whole bins would blur their sum. Odd, so
# that a bin holds whole places.
FINE = 3
STRAIGHT = 1e-9  # bins per bin: what turns by less moves no place by a rounding error


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


def expected(prob_x: Tensor, prob_y: Tensor, split_ratio: float = SPLIT_RATIO) -> Tensor:
    """The mean positions (B, K, 2), in input px, of distributions (B, K, Wx) and (B, K, Wy)."""
    places = []
    for prob in (prob_x, prob_y):
        bins = torch.arange(prob.shape[-1], device=prob.device, dtype=prob.dtype)
        places.append(prob @ bins / split_ratio)
    return torch.stack(places, -1)


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


@dataclass(frozen=True)
class _Law:
    """Distributions over bins 0 ... W - 1, each constant inside its bins [i - 1/2, i + 1/2]."""

    below: Tensor  # (B, K, W + 2): the mass below bin 0, 1, ..., below W, and that once more
    mean: Tensor  # (B, K) bins

    @staticmethod
    def of(prob: Tensor) -> "_Law":
        """The law of `prob` (B, K, W)."""
        bins = torch.arange(prob.shape[-1], device=prob.device, dtype=prob.dtype)
        return _Law(pad(prob, (1, 1)).cumsum(-1), prob @ bins)

    @property
    def bins(self) -> int:
        return self.below.shape[-1] - 2

    def rows(self, rows: Tensor) -> "_Law":
        """Some of the samples."""
        return _Law(self.below[rows], self.mean[rows])

    def between(self, place: Tensor) -> Tensor:
        """The mass (B, K, L) between neighbours of places (B, K or 1, L + 1), which are counted in
        bins from the lower edge of bin 0 and are overwritten."""
        index = place.clamp_(0, self.bins).long().expand(-1, self.below.shape[1], -1)
        below = self.below.gather(-1, index)
        above = self.below[..., 1:].gather(-1, index)
        return below.lerp_(above, place.frac_().to(below)).diff(dim=-1).abs_()


# (laws of x and y, rows (B, 3) of the matrices, axis, bins) -> mass (B, K, bins)
Carrier: TypeAlias = Callable[[Sequence[_Law], Tensor, int, int], Tensor]


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

    `simcc_x` (B, K, Wx) and `simcc_y` (B, K, Wy) are logits, `matrix` (B, 2, 3), best on the CPU,
    maps teacher-input px to student-input px, `out_size` is the student's (width, height) in px.
    Returns prob_x (B, K, Wx'), prob_y (B, K, Wy'), which sum to 1 where mass > 0, and mass (B, K)
    in [0, 1], the share that stays inside the crop. A mirroring matrix swaps `flip_pairs`.
    """
    logits = as_float(simcc_x), as_float(simcc_y)
    matrix = as_float(matrix).to("cpu", torch.float64)
    laws = [_Law.of(mirrored(torch.softmax(beta * v, -1), matrix, flip_pairs)) for v in logits]
    sizes = [int(side * split_ratio) for side in out_size]
    outs = [v.new_empty(*v.shape[:2], size) for v, size in zip(logits, sizes, strict=True)]
    in_bins = torch.cat([matrix[..., :2], matrix[..., 2:] * split_ratio], -1)
    for rows, carried in _groups(in_bins):
        there = onto(rows, outs[0].device)
        some = [law.rows(there) for law in laws]
        for axis, out in enumerate(outs):
            out[there] = carried(some, in_bins[rows, axis], axis, sizes[axis])
    masses = [out.sum(-1) for out in outs]
    tiny = torch.finfo(outs[0].dtype).tiny
    for out, mass in zip(outs, masses, strict=True):
        out /= mass.clamp_min(tiny).unsqueeze(-1)
    return outs[0], outs[1], (masses[0] * masses[1]).clamp_(0, 1)


def _groups(in_bins: Tensor) -> Iterator[tuple[Tensor, Carrier]]:
    """Rows of matrices (B, 2, 3), and how they are carried.

    Arrays of turned rows are as long as the closest look of a group wants: closer ones, as of a
    half body, stand by themselves.
    """
    straight = in_bins[:, [0, 1], [1, 0]].abs().amax(-1) < STRAIGHT
    closeness = in_bins[..., :2].abs().amax((1, 2)).log2().ceil().clamp_min(1)
    groups = [(straight, _resampled)]
    groups += [(~straight & (closeness == c), _convolved) for c in closeness.unique()]
    for chosen, carried in groups:
        if len(rows := chosen.nonzero()[:, 0]):
            yield rows, carried


def mirrored(values: Tensor, matrix: Tensor, flip_pairs: Pairs) -> Tensor:
    """Keypoints' values (B, K, ...), left and right swapped where the matrix (B, 2, 3), on the CPU,
    mirrors."""
    mirrors = torch.linalg.det(matrix[:, :, :2]) < 0
    if not flip_pairs or not mirrors.any():
        return values
    order = torch.tensor(swap_order(values.shape[1], flip_pairs))
    order = torch.where(mirrors[:, None], order, torch.arange(len(order)))
    index = onto(order, values.device).view(*order.shape, *[1] * (values.ndim - 2))
    return values.gather(1, index.expand_as(values))


def _resampled(laws: Sequence[_Law], row: Tensor, axis: int, size: int) -> Tensor:
    """Mass (B, K, size) per bin of a coordinate times a factor plus an offset; row (B, 3).

    Places in double precision: an edge that moves by a rounding error moves mass across it.
    """
    edges = torch.arange(size + 1, dtype=torch.float64) - 0.5
    place = (edges - row[:, 2:]) / row[:, axis : axis + 1] + 0.5
    return laws[axis].between(onto(place, laws[axis].below.device)[:, None])


def _convolved(laws: Sequence[_Law], row: Tensor, axis: int, size: int) -> Tensor:
    """Mass (T, K, size) per bin of row[0] * x + row[1] * y + row[2], row (T, 3), in bins.

    The narrower summand, perhaps a spike, is moved to a whole place and the wider one by as much
    the other way: a spike that is rounded would shift the sum.
    """
    factors, offset = FINE * row[:, :2], FINE * row[:, 2]
    factors = torch.where(factors.abs() < STRAIGHT, STRAIGHT, factors)
    narrow = onto(factors.abs().argmin(-1, keepdim=True) == torch.arange(2), laws[0].mean.device)
    means = torch.stack([law.mean for law in laws], -1)
    means *= onto(factors.to(means.dtype), means.device)[:, None]
    mean = torch.where(narrow[:, None], means, 0).sum(-1)
    rounding, whole = mean.round() - mean, offset.round()
    fraction = onto((offset - whole).to(mean.dtype), mean.device)[:, None]
    moves = [torch.where(n[:, None], rounding, fraction - rounding) for n in narrow.unbind(-1)]
    parts, starts = zip(*map(_part, laws, factors.unbind(-1), moves), strict=True)
    return _window(parts, sum(starts, whole).long(), size)


def _part(law: _Law, factor: Tensor, move: Tensor) -> tuple[Tensor, Tensor]:
    """Masses (T, K, L) of factor * u + move at places from `start` (T,) on; factor (T,), move
    (T, K), at most 1 in size."""
    ends = factor[:, None] * torch.tensor([-0.5, law.bins - 0.5])
    start = ends.amin(-1).floor() - 2
    length = int((ends.amax(-1).ceil() - start).max()) + 3
    edges = start[:, None] + torch.arange(length + 1) - 0.5
    place, scale = edges / factor[:, None] + 0.5, 1 / factor[:, None]
    place, scale = (onto(value.to(move.dtype), move.device) for value in (place, scale))
    return law.between(place[:, None] - (move * scale).unsqueeze(-1)), start


def _window(parts: Sequence[Tensor], start: Tensor, size: int) -> Tensor:
    """Bins 0 ... size - 1 (T, K, size) of the convolution of two parts, whose first place is
    `start` (T,)."""
    length = sum(part.shape[-1] for part in parts)
    padded = next_fast_len(length, real=True)
    spectrum = torch.fft.rfft(parts[0], padded) * torch.fft.rfft(parts[1], padded)
    # A bin is the sum over its places.
    turn = torch.arange(spectrum.shape[-1], dtype=parts[0].dtype) * (2 * torch.pi / padded)
    turns = turn * torch.arange(1, FINE // 2 + 1)[:, None]
    spectrum *= onto(1 + 2 * torch.cos(turns).sum(0), spectrum.device)
    fine = torch.fft.irfft(spectrum, padded)
    index = FINE * torch.arange(size) - start[:, None]
    inside = onto(((index >= 0) & (index < length)).to(fine.dtype), fine.device)[:, None]
    index = onto(index.clamp(0, length - 1), fine.device)[:, None]
    return fine.gather(-1, index.expand(-1, fine.shape[1], -1)).clamp_min_(0) * inside
