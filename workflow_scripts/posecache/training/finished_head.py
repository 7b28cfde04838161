"""A finished head that teaches a fresh one over the same frozen backbone.

Source: DWPose's second stage (arXiv:2307.15880, section 3.2), in which both heads read the features
that the frozen backbone makes of the student's own crop: nothing is carried, nothing cached.
Shapes: B samples, K keypoints, Wx and Wy bins.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from posecache import simcc
from posecache.training.losses import TeacherTarget


class TwoHeads(nn.Module):
    """A network with a frozen backbone, and beside its own head that of a finished one."""

    def __init__(self, model: nn.Module, finished: nn.Module) -> None:
        """`finished` has the same backbone as `model`; of it nothing learns any more."""
        super().__init__()
        finished.requires_grad_(False).eval()
        self.backbone = model.get_submodule("backbone")
        self.own, self.finished = _behind_the_backbone(model), _behind_the_backbone(finished)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalised images (B, 3, H, W) to the own head's logits x (B, K, Wx) and y (B, K, Wy),
        then the finished head's."""
        features = self.backbone(images)
        return (*self.own(features), *self.finished(features))


def _behind_the_backbone(model: nn.Module) -> nn.Module:
    """The network that a model is for its backbone's features; it shares the model's weights."""
    rest = copy.copy(model)
    rest._modules = {**model._modules, "backbone": nn.Identity()}
    return rest


def target(logits: Sequence[Tensor], beta: float) -> TeacherTarget:
    """A finished head's logits x (B, K, Wx) and y (B, K, Wy), as what a teacher says in the
    student's own crop: all of it lies inside."""
    x, y = logits
    places, peak = simcc.decode(x, y)
    return TeacherTarget(
        prob_x=torch.softmax(beta * x, -1),
        prob_y=torch.softmax(beta * y, -1),
        weight=torch.ones_like(peak),
        peak=peak.clamp(0, 1),
        keypoints=places,
        indices=torch.arange(x.shape[1], device=x.device),
    )
