import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from posecache.training.losses import (
    Objective,
    TeacherTarget,
    Truth,
    distillation_kl,
    kl_discret,
)
from posecache.training.recipe import LABEL_LOSSES, Distil


def hand_worked() -> tuple[tuple[Tensor, Tensor], Truth, TeacherTarget]:
    """One sample, two keypoints, two bins per axis; the student is uniform.

    Labels: softmax(10 * (0.1, 0)) = (e, 1) / (e + 1) on both axes; only keypoint 0 is labelled.
    The teacher knows keypoint 1, at (0.75, 0.25) on x and (1, 0) on y.
    """
    pred = (torch.zeros(1, 2, 2, requires_grad=True), torch.zeros(1, 2, 2, requires_grad=True))
    label = torch.tensor([[[0.1, 0.0], [0.3, 0.0]]])
    weight = torch.tensor([[1.0, 0.0]])
    points = torch.tensor([[[0.0, 0.5], [9.0, 9.0]]])
    truth = Truth(label_x=label, label_y=label, keypoints=points, weight=weight)
    target = TeacherTarget(
        prob_x=torch.tensor([[[0.75, 0.25]]]),
        prob_y=torch.tensor([[[1.0, 0.0]]]),
        weight=torch.ones(1, 1),
        peak=torch.ones(1, 1),
        keypoints=torch.zeros(1, 1, 2),
        indices=torch.tensor([1]),
    )
    return pred, truth, target


P = math.e / (math.e + 1)
LABEL_KL = math.log(2) + P * math.log(P) + (1 - P) * math.log(1 - P)
KD_X = math.log(2) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
KD_Y = math.log(2)


def test_equation_8_parts_by_hand() -> None:
    pred, truth, target = hand_worked()
    objective = Objective(distil=Distil(alpha=0.3, teachers={"t": 0.45}))
    parts = objective.parts(*pred, truth, {"t": target})
    assert parts["L_CK"].item() == pytest.approx(LABEL_KL / 2, rel=1e-6)
    assert parts["L_D/t"].item() == pytest.approx((KD_X + KD_Y) / 2 / 2, rel=1e-6)
    assert objective.weights(0.5) == pytest.approx({"L_CK": 0.3, "L_D/t": 0.7 * 0.45})


def test_authors_code_parts_by_hand() -> None:
    pred, truth, target = hand_worked()
    teachers = {"coco": 0.25, "mpii": 0.45}
    objective = Objective(distil=Distil(alpha=0.3, teachers=teachers, mode="authors-code"))
    parts = objective.parts(*pred, truth, {"coco": target, "mpii": target})
    # Mean over 2 bins, sum over two axes, divided by the student's K = 2.
    assert parts["L_CK"].item() == pytest.approx(2 * LABEL_KL / 2 / 2, rel=1e-6)
    assert parts["L_D/mpii"].item() == pytest.approx(KD_X + KD_Y, rel=1e-6)
    expected = {"L_CK": 1.3, "L_D/coco": 0.5, "L_D/mpii": 0.9 * 0.75}
    assert objective.weights(0.25) == pytest.approx(expected)


def test_dwpose_parts_by_hand() -> None:
    pred, truth, target = hand_worked()
    distil = Distil(alpha=1, teachers={"l": 0.1}, mode="dwpose", decay="linear")
    objective = Objective(distil=distil)
    parts = objective.parts(*pred, truth, {"l": target})
    # Labels: mean over 2 bins, sum of the axes, over K = 2; teacher: sum of the axes, over K = 1.
    assert parts["L_CK"].item() == pytest.approx(2 * LABEL_KL / 2 / 2, rel=1e-6)
    assert parts["L_D/l"].item() == pytest.approx(KD_X + KD_Y, rel=1e-6)
    assert objective.weights(0.25) == pytest.approx({"L_CK": 1, "L_D/l": 0.1 * 0.75})
    second = Objective(distil=Distil(alpha=0, teachers={"l": 1}, mode="dwpose"))
    assert second.weights(0.25) == {"L_CK": 0, "L_D/l": 1}


def test_l2_is_the_squared_distance_of_the_expected_position() -> None:
    pred, truth, _ = hand_worked()
    parts = Objective(label_loss="l2").parts(*pred, truth, {})
    # Uniform over bins 0 and 1 lies at 0.25 px: (0.25, -0.25) from (0, 0.5); divided by K = 2.
    assert parts["L_CK"].item() == pytest.approx((0.25**2 + 0.25**2) / 2)


def test_labels_alone_have_the_whole_weight() -> None:
    pred, truth, _ = hand_worked()
    assert Objective().weights(0.5) == {"L_CK": 1.0}
    parts = Objective().parts(*pred, truth, {})
    assert parts.keys() == {"L_CK"}
    assert parts["L_CK"].item() == pytest.approx(LABEL_KL / 2, rel=1e-6)


def test_label_losses_are_found_by_name() -> None:
    pred, truth, _ = hand_worked()
    assert list(LABEL_LOSSES) == ["simcc_kl", "l2"]
    values = [LABEL_LOSSES[name](pred, truth, 10.0, 2.0) for name in LABEL_LOSSES]
    # One value per keypoint, 0 for the one without a label.
    expected = [[[LABEL_KL, 0.0]], [[0.25**2 + 0.25**2, 0.0]]]
    for value, wanted in zip(values, expected, strict=True):
        np.testing.assert_allclose(value.detach(), wanted, rtol=1e-6)
    with pytest.raises(ValueError, match="unknown label loss 'l3', expected one of simcc_kl, l2"):
        LABEL_LOSSES["l3"]


def test_the_l2_loss_counts_in_px_of_any_bins() -> None:
    pred, truth, _ = hand_worked()
    # Four bins per px: uniform over bins 0 and 1 lies at 0.125 px, (0.125, -0.375) from (0, 0.5).
    parts = Objective(label_loss="l2", split_ratio=4.0).parts(*pred, truth, {})
    assert parts["L_CK"].item() == pytest.approx((0.125**2 + 0.375**2) / 2)


def test_a_label_loss_of_ones_own_is_reduced_as_ours() -> None:
    pred, truth, _ = hand_worked()
    parts = Objective(label_loss="tiny_own:absolute").parts(*pred, truth, {})
    # |0 - (0.1, 0)| has the mean 0.05 on both axes; divided by K = 2.
    assert parts["L_CK"].item() == pytest.approx(0.05 / 2)


@pytest.mark.parametrize("loss", ["simcc_kl", "l2"])
@pytest.mark.parametrize("mode", [None, "equation-8", "authors-code", "dwpose"])
def test_unlabelled_keypoint_gets_exactly_no_gradient(loss: str, mode: str | None) -> None:
    pred, truth, _ = hand_worked()
    distil = {"alpha": 0.5, "teachers": {"t": 1.0}, "mode": mode}
    given = None if mode is None else Distil.model_validate(distil)
    objective = Objective(label_loss=loss, distil=given)
    objective.parts(*pred, truth, {})["L_CK"].backward()
    for logits in pred:
        assert logits.grad is not None
        assert logits.grad[:, 1].abs().max() == 0
        assert logits.grad[:, 0].abs().max() > 0


def test_losses_do_not_depend_on_batch_or_repeat() -> None:
    pred, truth, target = hand_worked()
    twice = Truth(**{k: torch.cat([v, v]) for k, v in vars(truth).items()})
    double = TeacherTarget(
        prob_x=torch.cat([target.prob_x] * 2),
        prob_y=torch.cat([target.prob_y] * 2),
        weight=torch.ones(2, 1),
        peak=torch.ones(2, 1),
        keypoints=torch.zeros(2, 1, 2),
        indices=target.indices,
    )
    objective = Objective(distil=Distil(alpha=0.5, teachers={"t": 1.0}))
    once = objective.parts(*pred, truth, {"t": target})
    x, y = (torch.cat([axis, axis]) for axis in pred)
    both = objective.parts(x, y, twice, {"t": double})
    for name, part in once.items():
        assert both[name].item() == pytest.approx(part.item())


def test_losses_equal_mmpose(shared: Path) -> None:
    ops = {
        k: torch.from_numpy(v)
        for k, v in np.load(shared / "parity" / "ops.npz").items()
        if k.startswith(("loss", "kd", "kldiscret"))
    }
    pred = (ops["loss_px"], ops["loss_py"])
    zeros = torch.zeros(*ops["loss_w"].shape, 2)
    truth = Truth(
        label_x=ops["loss_tx"], label_y=ops["loss_ty"], keypoints=zeros, weight=ops["loss_w"]
    )
    assert float(kl_discret(pred, truth, 10.0)) == pytest.approx(float(ops["kldiscret"]), rel=1e-5)
    target = TeacherTarget(
        prob_x=torch.softmax(10 * ops["loss_tx"], -1),
        prob_y=torch.softmax(10 * ops["loss_ty"], -1),
        weight=torch.ones(4, 17),
        peak=torch.ones(4, 17),
        keypoints=torch.zeros(4, 17, 2),
        indices=torch.arange(17),
    )
    expected = (ops["kd_x"] + ops["kd_y"]) / 2
    np.testing.assert_allclose(distillation_kl(pred, target, 10.0), expected, rtol=1e-4, atol=1e-6)
