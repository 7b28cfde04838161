"""What a user should hear of while a run goes on: it waits for data, or it stays at the mean pose.

Shapes: B samples, K student keypoints, Kt teacher keypoints, Wx and Wy bins.
"""

import logging
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from posecache import simcc
from posecache.training.costs import BATCHES
from posecache.training.history import EXPECTED, PREDICTED
from posecache.training.losses import TeacherTarget, Truth
from posecache.training.recipe import Recipe
from posecache.training.shares import Sum, itself
from posecache.training.stream import Stream

WAITING = 0.2  # share of an epoch
MEAN_POSE = 0.25  # spread of predictions over that of their targets
WARM_UPS = 3  # that a run may stay at the mean pose, or a twentieth of all its steps

Axes: TypeAlias = tuple[Tensor, Tensor]  # of x (..., Wx) and y (..., Wy)

logger = logging.getLogger(__name__)


class Watch:
    """Looks at each finished epoch; warns of each thing once."""

    def __init__(self, recipe: Recipe, stream: Stream, total_steps: int) -> None:
        self.stream = stream
        self.settled = max(WARM_UPS * recipe.warmup_steps, total_steps // 20)
        self._warned: set[str] = set()

    def look(self, row: Mapping[str, float], *, whole: bool) -> None:
        """`row` is the epoch's of history.csv; of one that an earlier process began, `whole` is
        False: what that one waited for, nobody knows."""
        waiting = self._waited(row) / row["seconds"]
        if whole and waiting > WAITING:
            self._warn(
                "data",
                f"epoch {row['epoch']}: {waiting:.0%} of its time went by waiting for batches, "
                f"most of that by {self.stream.costs.most}; more threads, or memory for all people "
                "(compute.threads, compute.memory_mb), may help",
            )
        if row["step"] >= self.settled and row["spread"] < MEAN_POSE:
            self._warn(
                "pose",
                f"epoch {row['epoch']}: over a batch, predictions vary {row['spread']:.0%} as much "
                "as their targets: the run is at the mean pose still; weights to start from "
                "(init), or another seed or learning rate, may help",
            )

    def _waited(self, row: Mapping[str, float]) -> float:
        """Seconds that later epochs will wait again: what is in memory now is not read any more."""
        if not self.stream.resident:
            return row["data_wait"]
        return min(row["data_wait"], self.stream.costs.seconds[BATCHES])

    def _warn(self, about: str, text: str) -> None:
        if about not in self._warned:
            logger.warning("warning: %s", text)
            self._warned.add(about)


@torch.no_grad()
def spreads(
    logits: Axes,
    truth: Truth,
    targets: Mapping[str, TeacherTarget],
    beta: float,
    total: Sum = itself,
) -> dict[str, Tensor]:
    """How far predictions, and their targets, lie from their means over the batch: sums of squares
    in bins over the keypoints that are labelled or that a teacher sees.

    A prediction is its distribution's mean: the highest bin of one that knows nothing may jump, say
    from the left to the right. Where several processes have a part of the batch, `total` adds up
    their tensors; the results are still to be added up.
    """
    predicted = _means(logits, beta)
    own, others, weights = [predicted], [_peaks((truth.label_x, truth.label_y))], [truth.weight]
    for target in targets.values():
        own.append(predicted[:, target.indices])
        others.append(_peaks((target.prob_x, target.prob_y)))
        weights.append(target.weight)
    weight = torch.cat(weights, 1)
    pairs = torch.stack([torch.cat(own, 1), torch.cat(others, 1)])
    squares = _squares(pairs, (weight > 0).unsqueeze(-1).float(), total)
    return {PREDICTED: squares[0], EXPECTED: squares[1]}


def _means(axes: Axes, beta: float) -> Tensor:
    """The mean bins (B, K, 2) of the distributions over x and y."""
    x, y = (torch.softmax(beta * axis.float(), -1) for axis in axes)
    return simcc.expected(x, y, split_ratio=1)


def _peaks(axes: Axes) -> Tensor:
    """The highest bins (B, K, 2) of x and y."""
    return torch.stack([axis.argmax(-1) for axis in axes], -1).float()


def _squares(positions: Tensor, counted: Tensor, total: Sum) -> Tensor:
    """The sums (2,) of squared distances of positions (2, B, K, 2) to each keypoint's mean over the
    global batch, where `counted` (B, K, 1) is 1 and not 0."""
    sums = torch.cat([(positions * counted).sum(1), counted.sum(0).expand(2, -1, -1)], -1)
    totals = total(sums).unsqueeze(1)
    means = totals[..., :2] / totals[..., 2:].clamp_min(1)
    return ((positions - means).square() * counted).sum((1, 2, 3))
