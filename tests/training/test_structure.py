"""The structure loss: bones of the student beside those of labels and teachers."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import recipe
from torch import Tensor

from posecache import skeletons
from posecache.training.losses import Objective, Pair, TeacherTarget, Truth
from posecache.training.recipe import Distil, Learning, Structure
from posecache.training.stream import TrainingSet
from posecache.training.structure import Bones
from posecache.training.student import make_trainer

CHAIN = skeletons.parse(
    {"keypoints": ["a", "b", "c"], "sigmas": [0.1] * 3, "links": [["b", "a"], ["b", "c"]]},
    "chain",
    "chain.yaml",
)
BONES = Bones.of(Structure(weight=0.5), CHAIN, "cpu")
SURE = 40.0  # a logit beside which all others are nothing
WIDE, HIGH = 8, 6  # bins: a crop of 4 x 3 px, whose diagonal is 5 px


def at(places: list[list[float]], bins: int) -> Tensor:
    """One-hot distributions (B, K, bins) at places in px, two bins a px."""
    return torch.nn.functional.one_hot((torch.tensor(places) * 2).long(), bins).float()


def scene() -> tuple[Pair, Truth, TeacherTarget]:
    """Two persons; of the first a and b are labelled, of the second nothing; a teacher of c and b.

    The student says a (0, 0), b (2, 0), c (2, 2) of both. The teacher halts between two bins.
    """
    x, y = at([[0, 2, 2]] * 2, WIDE), at([[0, 0, 2]] * 2, HIGH)
    logits = ((SURE * x).requires_grad_(), (SURE * y).requires_grad_())
    labels = torch.tensor([[[0.0, 0.0], [3.5, 0.5], [9.0, 9.0]]] * 2)
    weight = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    truth = Truth(label_x=x, label_y=y, keypoints=labels, weight=weight)
    # c (1, 2.5) and b (1, 1) of the first; c (3.5, 2) and b (0.25, 0) of the second.
    prob_x = at([[1, 1], [3.5, 0]], WIDE)
    prob_x[1, 1, :2] = 0.5
    target = TeacherTarget(
        prob_x=prob_x,
        prob_y=at([[2.5, 1], [2, 0]], HIGH),
        weight=torch.tensor([[1.0, 0.5], [1.0, 1.0]]),
        peak=torch.tensor([[0.6, 0.8], [0.9, 1.0]]),
        keypoints=torch.full((2, 2, 2), 99.0),  # not what bones are of
        indices=torch.tensor([2, 1]),
    )
    return logits, truth, target


def objective(bones: Bones | None = BONES, **betas: float) -> Objective:
    distil = Distil(alpha=0.3, teachers=betas) if betas else None
    return Objective(distil=distil, bones=bones)


def part(how: Objective, targets: dict[str, TeacherTarget], rows: slice = slice(None)) -> Tensor:
    """L_S of some of the scene's two persons."""
    pred, truth, _ = scene()
    x, y = (axis[rows] for axis in pred)
    labels = Truth(**{name: value[rows] for name, value in vars(truth).items()})
    return how.parts(x, y, labels, targets, total=2)["L_S"]


def of_rows(target: TeacherTarget, rows: slice) -> TeacherTarget:
    given = {n: v[rows] for n, v in vars(target).items() if n != "indices"}
    return replace(target, **given)


# First person, b - a by its labels: (3.5, 0.5) beside (2, 0); 1.5 px are linear, 0.5 px square.
LABELLED = (1.5 - 0.5 + 0.5**2 / 2) / 5
# Its b - c by the teacher: (0, -1.5) beside (0, -2), as sure as b is: 0.8 of a half.
TAUGHT = 0.8 * 0.5 * (0.5**2 / 2) / 5
# The second one's: (-3.25, -2) beside (0, -2), as sure as c.
FAR = 0.9 * (3.25 - 0.5) / 5


def test_bones_by_hand() -> None:
    """Of the second person's b - a nobody says anything; over two persons and two links."""
    _, _, target = scene()
    expected = (LABELLED + TAUGHT + FAR) / (2 * 2)
    assert part(objective(t=0.45), {"t": target}).item() == pytest.approx(expected, rel=1e-5)
    assert part(objective(), {}).item() == pytest.approx(LABELLED / 4, rel=1e-5)


def test_teachers_share_a_bone_by_their_betas() -> None:
    """A second teacher, of all keypoints, sees what the student sees but for a of the second."""
    _, _, first = scene()
    x, y = at([[0, 2, 2], [1.5, 2, 2]], WIDE), at([[0, 0, 2]] * 2, HIGH)
    ones = torch.ones(2, 3)
    second = replace(first, prob_x=x, prob_y=y, weight=ones, peak=ones, indices=torch.arange(3))
    found = part(objective(first=0.3, second=0.1), {"first": first, "second": second})
    alone = (1.5 - 0.5) / 5  # of b - a the second teacher speaks alone
    expected = (LABELLED + 0.75 * (TAUGHT + FAR) + alone) / 4
    assert found.item() == pytest.approx(expected, rel=1e-5)
    silent = part(objective(first=0.0), {"first": first})
    assert silent.item() == pytest.approx(LABELLED / 4, rel=1e-5)


def test_parts_of_a_batch_add_up() -> None:
    _, _, target = scene()
    how = objective(t=0.45)
    halves = [part(how, {"t": of_rows(target, r)}, r) for r in (slice(0, 1), slice(1, 2))]
    assert sum(halves).item() == pytest.approx(part(how, {"t": target}).item(), rel=1e-6)


def test_it_pulls_a_bone_to_its_length_and_moves_nothing_else() -> None:
    """A labelled bone is to be 2 px long, wherever it is; c has no bone that anybody knows."""
    x, y = torch.zeros(1, 3, WIDE), torch.zeros(1, 3, HIGH)
    label = torch.tensor([[[6.0, 5.0], [8.0, 5.0], [0.0, 0.0]]])
    truth = Truth(label_x=x, label_y=y, keypoints=label, weight=torch.tensor([[1.0, 1.0, 0.0]]))
    for _ in range(100):
        x.requires_grad_()
        (grad,) = torch.autograd.grad(objective().parts(x, y, truth, {})["L_S"], x)
        assert not grad[:, 2].any()
        x = (x - 0.1 * grad).detach()
    a, b, _ = (torch.softmax(10 * x[0], -1) @ torch.arange(WIDE).float() / 2).tolist()
    assert b - a == pytest.approx(2, abs=0.05)
    assert a + b == pytest.approx(WIDE / 2 - 0.5, abs=0.05)  # both ends are pulled alike


def test_what_has_no_place_says_nothing() -> None:
    """A teacher's keypoint that was carried out of the crop."""
    _, _, target = scene()
    gone = torch.zeros_like(target.prob_x), torch.zeros_like(target.prob_y)
    out = replace(target, prob_x=gone[0], prob_y=gone[1], weight=torch.zeros(2, 2))
    found = part(objective(t=1.0), {"t": out})
    assert found.item() == pytest.approx(LABELLED / 4, rel=1e-5)


def test_its_weight_is_its_own() -> None:
    assert objective(t=0.45).weights(0.5) == {
        "L_CK": 0.3,
        "L_D/t": pytest.approx(0.7 * 0.45),
        "L_S": 0.5,
    }
    assert objective().weights(0.0) == {"L_CK": 1.0, "L_S": 0.5}
    pred, truth, target = scene()
    without = objective(None, t=0.45).parts(*pred, truth, {"t": target})
    beside = objective(t=0.45).parts(*pred, truth, {"t": target})
    assert list(beside) == [*without, "L_S"]
    assert all(torch.equal(beside[name], value) for name, value in without.items())


@pytest.mark.parametrize(("pairs", "found"), [("links", [(0, 1), (1, 2)]),
                                              ("all", [(0, 1), (0, 2), (1, 2)])])  # fmt: skip
def test_links_or_all_pairs(pairs: str, found: list[tuple[int, int]]) -> None:
    given = Structure.model_validate({"weight": 1, "pairs": pairs})
    assert given.joined(CHAIN) == found
    bones = Bones.of(given, CHAIN, "cpu")
    assert bones.ends.T.tolist() == list(map(list, found))
    places = torch.tensor([[1.0, 2.0], [4.0, 0.0], [9.0, 9.0]])
    for bone, (a, b) in zip(bones.signs @ places, found, strict=True):
        assert torch.equal(bone, places[a] - places[b])


def test_a_skeleton_without_links_has_no_bones() -> None:
    alone = skeletons.part(CHAIN, ["a", "c"])
    with pytest.raises(ValueError, match=r"^structure.pairs: links: chain\[2\] has none$"):
        Bones.of(Structure(weight=1), alone, "cpu")


@pytest.mark.parametrize("mode", ["equation-8", "dwpose"])
def test_it_waits_for_no_value_and_is_one_graph(mode: str) -> None:
    """Tensors without values tell; fullgraph: PyTorch's compiler takes it as a whole."""
    pred, truth, target = scene()
    distil = Distil.model_validate({"alpha": 0.3, "teachers": {"a": 1, "b": 2}, "mode": mode})
    how = Objective(distil=distil, bones=BONES)
    compiled = torch.compile(how.parts, fullgraph=True, backend="eager")
    targets = {"a": target, "b": target}
    assert torch.equal(
        compiled(*pred, truth, targets)["L_S"], how.parts(*pred, truth, targets)["L_S"]
    )
    x, y = (axis.detach().to("meta").requires_grad_() for axis in pred)
    gone = TeacherTarget(**{name: value.to("meta") for name, value in vars(target).items()})
    there = Truth(**{name: value.to("meta") for name, value in vars(truth).items()})
    bones = Bones.of(Structure(weight=1), CHAIN, "meta")
    replace(how, bones=bones).parts(x, y, there, {"a": gone, "b": gone})["L_S"].backward()
    assert x.grad is not None


def history(data: TrainingSet, folder: Path, structure: Any) -> list[dict[str, float]]:
    """The rows of a run of one epoch with a teacher."""
    distil = {"alpha": 0.3, "teachers": {"teacher": 0.5}}
    learning = Learning.model_validate({"distil": distil, "structure": structure})
    run = make_trainer([data], recipe(epochs=1), learning, folder, memory_mb=10)
    run.train()
    return run.start().history


def test_a_run_adds_its_bones(data: TrainingSet, tmp_path: Path) -> None:
    (row,) = history(data, tmp_path / "bones", {"weight": 20, "pairs": "all"})
    points = 0.3 * row["L_CK"] + 0.7 * 0.5 * row["L_D/teacher"]
    assert row["loss"] == pytest.approx(points + 20 * row["L_S"], rel=1e-5)
    # Half of a crop of 32 px is as far as bones are apart at random weights.
    assert 0 < row["L_S"] < 16 / math.hypot(32, 32)
    (plain,) = history(data, tmp_path / "plain", None)
    assert "L_S" not in plain
