"""The structure loss: bones of the student beside those of the labels or of the teachers.

In the manner of the "human joints structure loss" of arXiv:2508.11212, of which no more than the
abstract was at hand: this is a reading of it. A bone is the difference of two keypoints' positions
in the student's crop. What is compared is its two components in input px, by SmoothL1 with a
threshold of one px, divided by the crop's diagonal. A carried prediction is in that crop already,
so its bones are too.

Shapes: B samples, K student keypoints, Kt teacher keypoints, L pairs of the student's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from posecache.skeletons import Skeleton
from posecache.training.recipe import Structure

SMOOTH_PX = 1.0  # SmoothL1's threshold: quadratic below it, linear above


@dataclass(frozen=True, kw_only=True)
class Told:
    """Where a teacher sees its keypoints."""

    places: Tensor  # (B, Kt, 2) input px; any finite value where the weight is 0
    weight: Tensor  # (B, Kt) in [0, 1]
    indices: Tensor  # (Kt,) the student's index of each of the teacher's keypoints
    beta: float  # how much the teacher counts beside others


@dataclass(frozen=True, kw_only=True, eq=False)
class Bones:
    """The pairs of keypoints that a student's structure loss compares, and its weight."""

    weight: float
    ends: Tensor  # (2, L) the keypoints of each pair
    signs: Tensor  # (L, K) 1 at a pair's first keypoint, -1 at its second

    @staticmethod
    def of(structure: Structure, skeleton: Skeleton, device: str) -> "Bones":
        """The bones of a student's skeleton; ValueError if it has none."""
        pairs = structure.joined(skeleton)
        if not pairs:
            raise ValueError(f"structure.pairs: {structure.pairs}: {skeleton.name} has none")
        ends = torch.tensor(pairs, device=device).T
        places = torch.eye(skeleton.num_keypoints, device=device)
        return Bones(weight=structure.weight, ends=ends, signs=places[ends[0]] - places[ends[1]])

    def loss(
        self,
        student: Tensor,
        labels: Tensor,
        weight: Tensor,
        told: Sequence[Told],
        size: tuple[float, float],
    ) -> Tensor:
        """How far the student's bones are from those they are to be: (B, L).

        `student` and `labels` (B, K, 2) are positions in input px, `weight` (B, K) is 1 where a
        keypoint is labelled, else 0, and `size` the crop's sides in px. Where both ends are
        labelled, the labels say it; else each teacher that has both ends, by its share of these
        teachers' betas, times the smaller one of the ends' weights.
        """
        own, labelled = self.signs @ student, self._smaller(weight)
        loss = labelled * self._apart(own, labels, size)
        for teacher, share in zip(told, self._shares(told, student), strict=True):
            places = torch.zeros_like(student).index_copy(1, teacher.indices, teacher.places)
            sure = torch.zeros_like(weight).index_copy(1, teacher.indices, teacher.weight)
            heard = (1 - labelled) * share * self._smaller(sure)
            loss = loss + heard * self._apart(own, places, size)
        return loss

    def _apart(self, own: Tensor, positions: Tensor, size: tuple[float, float]) -> Tensor:
        """SmoothL1 of bones (B, L, 2) and those of positions (B, K, 2), over the diagonal."""
        other = self.signs @ positions
        apart = F.smooth_l1_loss(own, other, reduction="none", beta=SMOOTH_PX)
        return apart.sum(-1) / math.hypot(*size)

    def _smaller(self, values: Tensor) -> Tensor:
        """Of keypoints' values (..., K) the smaller one of each pair: (..., L)."""
        return torch.minimum(values[..., self.ends[0]], values[..., self.ends[1]])

    def _shares(self, told: Sequence[Told], like: Tensor) -> list[Tensor]:
        """Each teacher's share (L,) of a pair: its beta over those of all that have both ends."""
        betas = []
        for teacher in told:
            has = like.new_zeros(self.signs.shape[1]).index_fill(0, teacher.indices, 1)
            betas.append(teacher.beta * self._smaller(has))
        total = sum(betas, like.new_zeros(())).clamp_min(torch.finfo(like.dtype).tiny)
        return [beta / total for beta in betas]
