import pytest
import torch

from posecache.training.losses import TeacherTarget, Truth
from posecache.training.recipe import Distil
from posecache.training.refining import Progress

TEACHERS = {"t": 0.5}


def progress(**changes: object) -> Progress:
    distil = Distil.model_validate({"alpha": 0.3, "teachers": TEACHERS} | changes)
    return Progress(distil=distil, steps=[0.5, 1.0], input_size=(20, 10))


def hand_worked() -> tuple[torch.Tensor, Truth, TeacherTarget]:
    """One sample, two keypoints, two steps; shares of 10 px across and 5 px down.

    Keypoint 0 is labelled at the middle; the teacher sees keypoint 1 there too.
    """
    middle = torch.tensor([9.5, 4.5])
    poses = torch.tensor([[[[0.2, 0.1], [0.4, 0.0]], [[0.1, 0.0], [0.0, 0.3]]]], requires_grad=True)
    truth = Truth(
        label_x=torch.zeros(1, 2, 40), label_y=torch.zeros(1, 2, 20),
        keypoints=middle.expand(1, 2, 2), weight=torch.tensor([[1.0, 0.0]]),
    )  # fmt: skip
    target = TeacherTarget(
        prob_x=torch.zeros(1, 1, 40), prob_y=torch.zeros(1, 1, 20), weight=torch.tensor([[0.5]]),
        peak=torch.tensor([[0.8]]), keypoints=middle.expand(1, 1, 2), indices=torch.tensor([1]),
    )  # fmt: skip
    return poses, truth, target


def test_steps_are_compared_with_labels_and_teachers_by_hand() -> None:
    poses, truth, target = hand_worked()
    parts = progress().parts(poses, truth, {"t": target})
    assert parts["L_CK"].item() == pytest.approx((0.5 * 0.3 + 1.0 * 0.1) / 2)
    assert parts["L_D/t"].item() == pytest.approx(0.5 * 0.8 * (0.5 * 0.4 + 1.0 * 0.3) / 2)
    parts["L_CK"].backward()
    assert poses.grad is not None
    assert torch.allclose(poses.grad[0, :, 0], torch.tensor([[0.25, 0.25], [0.5, 0.0]]))
    assert not poses.grad[0, :, 1].any()


def test_a_part_of_a_batch_counts_as_its_share() -> None:
    poses, truth, target = hand_worked()
    whole = progress().parts(poses, truth, {"t": target})
    part = progress().parts(poses, truth, {"t": target}, total=4)
    assert {name: 4 * value.item() for name, value in part.items()} == pytest.approx(
        {name: value.item() for name, value in whole.items()}
    )


def test_a_teacher_may_speak_only_where_nothing_is_labelled() -> None:
    poses, truth, target = hand_worked()
    labelled = Truth(**vars(truth) | {"weight": torch.ones(1, 2)})
    silent = progress(where="unlabelled").parts(poses, labelled, {"t": target})
    assert silent["L_D/t"] == 0
    heard = progress(where="unlabelled").parts(poses, truth, {"t": target})
    assert heard["L_D/t"] > 0
