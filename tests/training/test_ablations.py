"""Which teacher is heard how much: decay, temperatures, where and confidence of `distil`."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import recipe
from torch import Tensor

from posecache.training.losses import Objective, Pair, TeacherTarget, Truth, distillation_kl
from posecache.training.recipe import Distil, Learning, Recipe
from posecache.training.refusals import clashes
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer


def objective(**changes: Any) -> Objective:
    """Two teachers under Eq. 8."""
    given = {"alpha": 0.3, "teachers": {"a": 0.5, "b": 0.25}}
    return Objective(distil=Distil.model_validate(given | changes))


def scene() -> tuple[Pair, Truth, TeacherTarget]:
    """One person of two keypoints, of which the first is labelled; two bins per axis.

    The student predicts (0.75, 0.25) everywhere, the teacher (0.9, 0.1) for both keypoints on both
    axes, half and 0.8 of it inside the crop, with scores of 0.25 and 1.
    """
    logits = torch.tensor([[[math.log(3) / 10, 0.0]] * 2])
    pred = (logits.clone().requires_grad_(), logits.clone().requires_grad_())
    label = torch.zeros(1, 2, 2)
    truth = Truth(
        label_x=label,
        label_y=label,
        keypoints=torch.zeros(1, 2, 2),
        weight=torch.tensor([[1.0, 0.0]]),
    )
    prob = torch.tensor([[[0.9, 0.1]] * 2])
    target = TeacherTarget(
        prob_x=prob,
        prob_y=prob,
        weight=torch.tensor([[0.5, 0.8]]),
        peak=torch.tensor([[0.25, 1.0]]),
        keypoints=torch.zeros(1, 2, 2),
        indices=torch.tensor([0, 1]),
    )
    return pred, truth, target


def part(how: Objective) -> float:
    """L_D of the teacher a in the scene."""
    pred, truth, target = scene()
    return how.parts(*pred, truth, {"a": target})["L_D/a"].item()


def kl(p: float, q: float) -> float:
    """KL((p, 1 - p) || (q, 1 - q))."""
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


KL = kl(0.9, 0.75)


def test_a_linear_decay_takes_the_teachers_away_and_leaves_the_labels() -> None:
    weights = [objective(decay="linear").weights(epoch / 4) for epoch in range(4)]
    assert weights[0] == objective().weights(0.0) == objective().weights(0.75)
    for epoch, found in enumerate(weights):
        left = 1 - epoch / 4
        expected = {"L_CK": 0.3, "L_D/a": 0.7 * 0.5 * left, "L_D/b": 0.7 * 0.25 * left}
        assert found == pytest.approx(expected)


def test_a_temperature_flattens_teacher_and_student_alike() -> None:
    """At T = 2 odds of 9 are 3 and odds of 3 are sqrt(3); the loss counts four times."""
    flat = kl(3 / 4, math.sqrt(3) / (1 + math.sqrt(3)))
    expected = 4 * flat * (0.5 + 0.8) / 2
    assert part(objective(temperatures={"a": 2.0})) == pytest.approx(expected, rel=1e-5)
    assert part(objective(temperatures={"b": 2.0})) == part(objective())


@pytest.mark.parametrize("temperature", [0.01, 0.5, 3.0, 100.0])
def test_the_temperature_divides_both_logits(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(2, 3, 8, generator=generator).double() for _ in range(2))
    target = TeacherTarget(
        prob_x=torch.softmax(10 * teacher, -1),
        prob_y=torch.softmax(10 * teacher, -1),
        weight=torch.ones(2, 3).double(),
        peak=torch.ones(2, 3).double(),
        keypoints=torch.zeros(2, 3, 2),
        indices=torch.arange(3),
    )
    p, q = (torch.log_softmax(10 / temperature * z, -1) for z in (teacher, student))
    expected = temperature**2 * (p.exp() * (p - q)).sum(-1)
    found = distillation_kl((student, student), target, 10.0, temperature)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_at_a_high_temperature_logits_are_matched() -> None:
    """T^2 keeps the gradient: it tends to beta (beta z - v) / bins, both without their means."""
    generator = torch.Generator().manual_seed(1)
    z, v = (torch.randn(1, 1, 16, generator=generator).double() for _ in range(2))
    z.requires_grad_()
    prob = torch.softmax(v, -1)
    one = torch.ones(1, 1).double()
    target = TeacherTarget(
        prob_x=prob,
        prob_y=prob,
        weight=one,
        peak=one,
        keypoints=torch.zeros(1, 1, 2),
        indices=torch.tensor([0]),
    )
    distillation_kl((z, z), target, 10.0, 1e4).sum().backward()
    difference = (10 * z - v).detach()
    expected = 10 * (difference - difference.mean()) / 16
    torch.testing.assert_close(z.grad, expected, rtol=1e-2, atol=1e-2)


def test_a_prediction_outside_the_crop_stays_without_weight_at_any_temperature() -> None:
    pred, _, target = scene()
    gone = torch.zeros_like(target.prob_x)
    nothing = replace(target, prob_x=gone, prob_y=gone, weight=torch.zeros(1, 2))
    loss = distillation_kl(pred, nothing, 10.0, 4.0)
    loss.sum().backward()
    for axis in (loss, pred[0].grad, pred[1].grad):
        assert axis is not None
        assert torch.equal(axis, torch.zeros_like(axis))


def test_where_unlabelled_a_teacher_is_silent_about_what_is_labelled() -> None:
    pred, truth, target = scene()
    how = objective(where="unlabelled")
    found = how.parts(*pred, truth, {"a": target})["L_D/a"]
    assert found.item() == pytest.approx(KL * 0.8 / 2, rel=1e-5)
    found.backward()
    for logits in pred:
        assert logits.grad is not None
        assert not logits.grad[:, 0].any()
        assert logits.grad[:, 1].all()


def test_a_teacher_of_other_keypoints_is_compared_with_their_labels() -> None:
    """A teacher of the second keypoint alone, which nobody labelled; then of the first alone."""
    pred, truth, target = scene()
    how, expected = objective(where="unlabelled"), (0.0, KL * 0.8 / 2)
    for place in (0, 1):
        kept = {name: value[:, [place]] for name, value in vars(target).items() if value.ndim > 1}
        alone = replace(target, **kept, indices=torch.tensor([place]))
        found = how.parts(*pred, truth, {"a": alone})["L_D/a"].item()
        assert found == pytest.approx(expected[place], rel=1e-5)


def test_a_prediction_weighs_as_much_as_its_peak() -> None:
    expected = KL * (0.5 * 0.25 + 0.8 * 1.0) / 2
    assert part(objective(confidence="peak")) == pytest.approx(expected, rel=1e-5)


def test_all_of_them_together_multiply() -> None:
    how = objective(decay="linear", temperatures={"a": 2.0}, where="unlabelled", confidence="peak")
    flat = kl(3 / 4, math.sqrt(3) / (1 + math.sqrt(3)))
    assert part(how) == pytest.approx(4 * flat * 0.8 / 2, rel=1e-5)
    assert how.weights(0.5)["L_D/a"] == pytest.approx(0.7 * 0.5 * 0.5)


def test_without_them_every_teacher_is_heard_everywhere() -> None:
    """To the last bit: Eq. 7 with weights and nothing else."""
    pred, truth, target = scene()

    def axis(prob: Tensor, logits: Tensor) -> Tensor:
        student = torch.log_softmax(10 * logits, -1)
        return (torch.xlogy(prob, prob) - prob * student).sum(-1)

    plain = (axis(target.prob_x, pred[0]) + axis(target.prob_y, pred[1])) / 2 * target.weight
    found = objective().parts(*pred, truth, {"a": target})["L_D/a"]
    assert torch.equal(found, plain.sum() / 2)
    assert objective().weights(0.4) == {"L_CK": 0.3, "L_D/a": 0.7 * 0.5, "L_D/b": 0.7 * 0.25}


def test_a_temperature_of_one_is_none() -> None:
    given = {"alpha": 0.3, "teachers": {"a": 0.5, "b": 0.25}}
    assert Distil.model_validate(given | {"temperatures": {"b": 1, "a": 1.0}}) == objective().distil
    several = Distil.model_validate(given | {"temperatures": {"b": 3.0, "a": 2.0}})
    assert list(several.temperatures) == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("decay", "linear"),
        ("temperatures", {"a": 2.0}),
        ("where", "unlabelled"),
        ("confidence", "peak"),
        ("itself", 1.0),
    ],
)
def test_none_of_them_goes_with_the_authors_code(key: str, value: Any) -> None:
    equation_8 = objective(**{key: value}).distil
    authors = objective(mode="authors-code", **{key: value}).distil
    assert list(clashes(Recipe(), equation_8)) == []
    (told,) = clashes(Recipe(), authors)
    assert told.startswith(
        f"distil.{key}: authors-code has its own decay and weights, so not {key}"
    )


def history(data: TrainingSet, folder: Path, **changes: Any) -> list[dict[str, float]]:
    """The rows of two epochs of a student whose only dataset labels all that its teacher knows."""
    distil = {"alpha": 0.3, "teachers": {"teacher": 0.5}} | changes
    learning = Learning.model_validate({"distil": distil})
    run = make_trainer([data], recipe(epochs=2), learning, folder, memory_mb=10)
    run.train()
    return run.start().history


def test_a_run_weighs_its_teacher_as_it_says(data: TrainingSet, tmp_path: Path) -> None:
    rows = history(
        data, tmp_path / "a", decay="linear", temperatures={"teacher": 2.0}, confidence="peak"
    )
    for row, left in zip(rows, (1.0, 0.5), strict=True):
        expected = 0.3 * row["L_CK"] + 0.7 * 0.5 * left * row["L_D/teacher"]
        assert row["loss"] == pytest.approx(expected, rel=1e-5)
    plain = history(data, tmp_path / "b")
    silenced = history(data, tmp_path / "c", where="unlabelled")
    # What is left lies outside the crop, where no label teaches.
    assert 0 <= silenced[0]["L_D/teacher"] < 0.2 * plain[0]["L_D/teacher"]


@pytest.mark.parametrize("loss", ["simcc_kl", "l2"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "authors-code"},
        {"temperatures": {"a": 2.0}, "where": "unlabelled", "confidence": "peak"},
    ],
)
def test_no_loss_waits_for_a_value(loss: str, changes: dict[str, Any]) -> None:
    """Tensors without values tell: asking one for its value, or a shape for it, is an error."""
    pred, truth, target = scene()
    x, y = (axis.detach().to("meta").requires_grad_() for axis in pred)
    there = Truth(**{name: value.to("meta") for name, value in vars(truth).items()})
    gone = TeacherTarget(**{name: value.to("meta") for name, value in vars(target).items()})
    parts = replace(objective(**changes), label_loss=loss).parts(
        x, y, there, {"a": gone, "b": gone}
    )
    torch.stack(list(parts.values())).sum().backward()
    assert [part.shape for part in parts.values()] == [torch.Size()] * 3
    with pytest.raises(RuntimeError, match="meta"):
        parts["L_CK"].item()
