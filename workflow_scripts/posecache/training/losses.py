"""The losses: named, unweighted parts, and the weights that add them up once.

All parts of `equation-8` are reduced in one way: KL summed over bins, mean of the two axes, summed
over keypoints and divided by the student's K, mean over the batch. It is Eq. 8 of the paper
(arXiv:2405.20084) up to one common factor, so that a weight means the same at any batch size and
bin count. `authors-code` keeps the reductions and the weights of the authors' public code, and
`dwpose` those of DWPose's two stages (arXiv:2307.15880; mmpose/models/losses/dist_loss.py there).

A person without labels is one whose keypoints all have weight 0: it counts in the batch and adds
nothing to `L_CK`, as a keypoint that its dataset lacks counts in K. So a label weighs the same
whoever is in its batch, and a batch without any has an `L_CK` of 0.

Shapes: B samples, K student keypoints, Kt teacher keypoints, Wx and Wy bins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from posecache import simcc
from posecache.contract import BETA, SPLIT_RATIO
from posecache.training.recipe import LABEL_LOSSES, Distil
from posecache.training.structure import Bones, Told

Pair: TypeAlias = tuple[Tensor, Tensor]  # logits x (B, K, Wx) and y (B, K, Wy)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a sample's own dataset labels, in the student's crop."""

    label_x: Tensor  # (B, K, Wx) Gaussians with peak 1
    label_y: Tensor  # (B, K, Wy)
    keypoints: Tensor  # (B, K, 2) input px; any finite value where the weight is 0
    weight: Tensor  # (B, K) 1 where labelled, else 0


# (student's logits, truth, beta, bins per input px) -> loss (B, K), 0 where the weight is 0:
# an entry of recipe.LABEL_LOSSES.
LabelLoss: TypeAlias = Callable[[Pair, Truth, float, float], Tensor]


@dataclass(frozen=True, kw_only=True)
class TeacherTarget:
    """One teacher's prediction carried into the student's crop."""

    prob_x: Tensor  # (B, Kt, Wx)
    prob_y: Tensor  # (B, Kt, Wy)
    weight: Tensor  # (B, Kt) share of the prediction's mass inside the crop
    peak: Tensor  # (B, Kt) the prediction's score as decoded from its logits, cut to [0, 1]
    keypoints: Tensor  # (B, Kt, 2) input px of the student's crop: what its logits decode to
    indices: Tensor  # (Kt,) the student's index of each of the teacher's keypoints


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Which losses a student minimises, and with which weights."""

    label_loss: str = "simcc_kl"  # an entry of recipe.LABEL_LOSSES
    distil: Distil | None = None  # None: labels only
    beta: float = BETA  # the 10 of softmax(10 * logits)
    split_ratio: float = SPLIT_RATIO
    bones: Bones | None = None  # of the structure loss; None: there is none
    _of_labels: LabelLoss = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Found once: what is compiled looks nothing up.
        object.__setattr__(self, "_of_labels", LABEL_LOSSES[self.label_loss])

    def parts(
        self,
        simcc_x: Tensor,
        simcc_y: Tensor,
        truth: Truth,
        targets: Mapping[str, TeacherTarget],
        total: int | None = None,
    ) -> dict[str, Tensor]:
        """Unweighted scalars: `L_CK`, `L_D/{teacher}` for each of `targets`, and `L_S` of bones.

        Where these samples are a part of a global batch, `total` is how many that has: the parts'
        scalars add up to the global batch's.
        """
        pred, (count, keypoints) = (simcc_x, simcc_y), truth.weight.shape
        total = count if total is None else total
        parts = {"L_CK": self._label_part(pred, truth, total * keypoints)}
        for name, target in targets.items():
            kl = self._teacher_kl(name, pred, truth, target)
            if self.as_mmpose:  # adds the axes, divides by the teacher's keypoints
                parts[f"L_D/{name}"] = 2 * kl.sum() / (total * kl.shape[1])
            else:
                parts[f"L_D/{name}"] = kl.sum() / (total * keypoints)
        if self.bones is not None:
            loss = self._bone_loss(self.bones, pred, truth, targets)
            parts["L_S"] = loss.sum() / (total * loss.shape[1])
        return parts

    def _bone_loss(
        self, bones: Bones, pred: Pair, truth: Truth, targets: Mapping[str, TeacherTarget]
    ) -> Tensor:
        """The structure loss of each of L bones: (B, L)."""
        student = _expected(pred, self.beta, self.split_ratio)
        told = []
        for name, target in targets.items():
            assert self.distil is not None, name
            places = simcc.expected(target.prob_x, target.prob_y, self.split_ratio)
            weight, beta = target.peak * target.weight, self.distil.betas[name]
            told.append(Told(places=places, weight=weight, indices=target.indices, beta=beta))
        x, y = (axis.shape[-1] / self.split_ratio for axis in pred)
        return bones.loss(student, truth.keypoints, truth.weight, told, (x, y))

    def _teacher_kl(self, name: str, pred: Pair, truth: Truth, target: TeacherTarget) -> Tensor:
        """`distillation_kl` at the teacher's temperature, times how much it is heard: (B, Kt)."""
        assert self.distil is not None, name
        kl = distillation_kl(pred, target, self.beta, self.distil.temperatures.get(name, 1.0))
        if self.distil.where == "unlabelled":
            # By person, not by dataset: what annotators left out is the teacher's to tell.
            kl = kl * (1 - truth.weight[:, target.indices])
        if self.distil.confidence == "peak":
            kl = kl * target.peak
        return kl

    @property
    def as_authors(self) -> bool:
        """Whether the student learns as in the authors' public code."""
        return self.distil is not None and self.distil.mode == "authors-code"

    @property
    def heeds_itself(self) -> bool:
        """Whether a finished head teaches a fresh one over the same features."""
        return self.distil is not None and self.distil.itself > 0

    @property
    def as_mmpose(self) -> bool:
        """Whether the parts are reduced as in MMPose, which the authors and DWPose build on."""
        return self.distil is not None and self.distil.mode != "equation-8"

    def _label_part(self, pred: Pair, truth: Truth, count: int) -> Tensor:
        """`count` keypoints, labelled or not, are in the global batch."""
        if self.as_mmpose:
            return kl_discret(pred, truth, self.beta)
        loss = self._of_labels(pred, truth, self.beta, self.split_ratio)
        return loss.sum() / count

    def weights(self, progress: float) -> dict[str, float]:
        """Each part's weight; `progress` is epoch / epochs, in [0, 1)."""
        bones = {} if self.bones is None else {"L_S": self.bones.weight}
        return self._of_points(progress) | bones

    def _of_points(self, progress: float) -> dict[str, float]:
        """The weights of the parts that compare keypoints.

        The authors' framework adds every entry whose name contains "loss", the total among them:
        the parts count once by themselves and once inside the total, and the linear decay reaches
        the last-named teacher only.
        """
        if self.distil is None:
            return {"L_CK": 1.0}
        alpha, teachers = self.distil.alpha, self.distil.betas
        if self.as_authors:
            weights = {"L_CK": 1 + alpha} | {f"L_D/{n}": 2 * b for n, b in teachers.items()}
            weights[list(weights)[-1]] *= 1 - progress
            return weights
        heard = 1 - progress if self.distil.decay == "linear" else 1.0
        if self.distil.mode == "equation-8":
            heard *= 1 - alpha
        return {"L_CK": alpha} | {f"L_D/{n}": b * heard for n, b in teachers.items()}


def label_kl(pred: Pair, truth: Truth, beta: float, split_ratio: float) -> Tensor:
    """KL(softmax(beta * label) || softmax(beta * logits)), mean of axes, times weight: (B, K)."""
    labels = (truth.label_x, truth.label_y)
    axes = [
        _kl(torch.softmax(beta * label, -1), logits, beta)
        for label, logits in zip(labels, pred, strict=True)
    ]
    return (axes[0] + axes[1]) / 2 * truth.weight


def soft_argmax_l2(pred: Pair, truth: Truth, beta: float, split_ratio: float) -> Tensor:
    """Squared distance in input px^2 of the expected position, times weight: (B, K). Eq. 6."""
    distance = _expected(pred, beta, split_ratio) - truth.keypoints
    return distance.square().sum(-1) * truth.weight


def _expected(pred: Pair, beta: float, split_ratio: float) -> Tensor:
    """The expected positions (B, K, 2) of a student's logits, in input px."""
    x, y = (torch.softmax(beta * logits, -1) for logits in pred)
    return simcc.expected(x, y, split_ratio)


def kl_discret(pred: Pair, truth: Truth, beta: float) -> Tensor:
    """KL of labels and logits: mean over bins, sum over batch, keypoints and axes, divided by K.

    Source: MMPose models/losses/classification_loss.py, KLDiscretLoss with label softmax.
    """
    total = truth.weight.new_zeros(())
    for label, logits in zip((truth.label_x, truth.label_y), pred, strict=True):
        kl = _kl(torch.softmax(beta * label, -1), logits, beta)
        total = total + (kl / label.shape[-1] * truth.weight).sum()
    return total / truth.weight.shape[1]


def distillation_kl(
    pred: Pair, target: TeacherTarget, beta: float, temperature: float = 1.0
) -> Tensor:
    """KL(teacher || student), mean of the axes, times weight: (B, Kt). Eq. 7.

    At a temperature T both logits are divided by T, and the loss is multiplied by T^2, so that its
    gradient keeps its size (Hinton et al., arXiv:1503.02531, section 2.1). The teacher's are those
    of its prediction in the student's crop, so what they weigh does not depend on T.
    """
    probs = (target.prob_x, target.prob_y)
    axes = [
        _kl(_flattened(prob, temperature), logits[:, target.indices], beta / temperature)
        for prob, logits in zip(probs, pred, strict=True)
    ]
    return temperature**2 * (axes[0] + axes[1]) / 2 * target.weight


def _flattened(prob: Tensor, temperature: float) -> Tensor:
    """softmax(logits / temperature) of prob = softmax(logits); zeros stay zeros."""
    if temperature == 1:
        return prob
    tiny = torch.finfo(prob.dtype).tiny
    powers = (prob / prob.amax(-1, keepdim=True).clamp_min(tiny)) ** (1 / temperature)
    return powers / powers.sum(-1, keepdim=True).clamp_min(tiny)


def _kl(prob: Tensor, logits: Tensor, beta: float) -> Tensor:
    """KL(prob || softmax(beta * logits)) summed over the last axis."""
    log_student = torch.log_softmax(beta * logits, dim=-1)
    return (torch.xlogy(prob, prob) - prob * log_student).sum(-1)
