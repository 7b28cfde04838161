"""What a refiner minimises: each step's distance to the labels and to the teachers' poses.

The weights are those of the student's own parts: alpha weighs the labels, each teacher's beta its
pose, which besides weighs as much as its peak and its mass inside the crop.

Shapes: B samples, K student keypoints, Kt teacher keypoints, S steps, Wx and Wy bins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from posecache.training.losses import TeacherTarget, Truth
from posecache.training.recipe import Distil


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The loss's parts of a refiner over a frozen student."""

    distil: Distil | None  # None: labels only
    steps: Sequence[float]  # each step's weight
    input_size: tuple[int, int]  # width, height in px

    def parts(
        self,
        poses: Tensor,
        truth: Truth,
        targets: Mapping[str, TeacherTarget],
        total: int | None = None,
    ) -> dict[str, Tensor]:
        """Unweighted scalars by the names that `Objective.parts` has; `poses` (B, S, K, 2) are in
        shares of half the input's sides from its middle."""
        count, keypoints = truth.weight.shape
        whole = (count if total is None else total) * keypoints
        parts = {"L_CK": (self._far(poses, truth.keypoints) * truth.weight).sum() / whole}
        for name, target in targets.items():
            own = self._far(poses[:, :, target.indices], target.keypoints)
            parts[f"L_D/{name}"] = (own * self.heard(truth, target)).sum() / whole
        return parts

    def heard(self, truth: Truth, target: TeacherTarget) -> Tensor:
        """How much each of a teacher's keypoints weighs (B, Kt)."""
        heard = target.weight * target.peak
        if self.distil is not None and self.distil.where == "unlabelled":
            heard = heard * (1 - truth.weight[:, target.indices])
        return heard

    def _far(self, poses: Tensor, places: Tensor) -> Tensor:
        """Distances (B, K), summed over steps and sides, of poses (B, S, K, 2) to places (B, K, 2)
        in input px."""
        axes = zip(places.unbind(-1), self.input_size, strict=True)
        # No tensor is made of these numbers: on a GPU its copy would be waited for.
        wanted = torch.stack([(2 * place + 1) / side - 1 for place, side in axes], -1)
        far = (poses - wanted.unsqueeze(1)).abs().sum(-1).unbind(1)
        return torch.stack([s * step for s, step in zip(self.steps, far, strict=True)]).sum(0)
