"""DWPose's second stage, live: a finished head teaches a fresh one over a frozen backbone."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import SKELETON, recipe

import tiny
from posecache import samples
from posecache.models.card import CARD_FILE, MODEL_FILE, WEIGHTS_FILE, Card
from posecache.models.networks import NETWORKS
from posecache.models.session import Session
from posecache.training.finished_head import TwoHeads, target
from posecache.training.losses import Objective, Truth
from posecache.training.recipe import Distil, Init, Learning
from posecache.training.refusals import headless, untaught
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer, train
from posecache.training.trainer import Trainer

ALONE: dict[str, Any] = {"alpha": 0, "itself": 1.0, "mode": "dwpose"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Ten persons of 17 keypoints, without any teacher's logits."""
    folder = tmp_path_factory.mktemp("people")
    return TrainingSet(samples=samples.open(tiny.sample_folder(folder, crops=True)), logits={})


@pytest.fixture(scope="module")
def first(people: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished model."""
    folder = tmp_path_factory.mktemp("first")
    train("first", make_trainer([people], recipe(epochs=1), Learning(), folder, memory_mb=10))
    return folder


def second(
    people: TrainingSet, first: Path, folder: Path, how: dict[str, Any], **changes: Any
) -> Trainer:
    """A run that starts from the finished model's backbone, which is frozen."""
    init = str(first / WEIGHTS_FILE)
    learning = Learning.model_validate({"distil": how, "init": init, "freeze": ["backbone"]})
    return make_trainer([people], recipe(**changes), learning, folder, memory_mb=10)


def test_what_a_finished_head_says_is_heard_whole() -> None:
    """One person of two keypoints: the finished head says (0.9, 0.1) of the first and (0.5, 0.5) of
    the second on both axes, the fresh one (0.75, 0.25) of both."""
    says = torch.tensor([[[math.log(9) / 10, 0.0], [0.0, 0.0]]])
    pred = torch.tensor([[[math.log(3) / 10, 0.0]] * 2])
    nobody = Truth(
        label_x=torch.zeros(1, 2, 2),
        label_y=torch.zeros(1, 2, 2),
        keypoints=torch.zeros(1, 2, 2),
        weight=torch.zeros(1, 2),
    )
    how = Objective(distil=Distil.model_validate(ALONE))
    parts = how.parts(pred, pred, nobody, {"itself": target([says, says], 10.0)})
    kl = 0.9 * math.log(0.9 / 0.75) + 0.1 * math.log(0.1 / 0.25)
    kl += 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert parts["L_D/itself"].item() == pytest.approx(2 * kl / 2, rel=1e-5)  # axes, keypoints
    assert parts["L_CK"].item() == 0
    assert how.weights(0.0) == how.weights(0.9) == {"L_CK": 0.0, "L_D/itself": 1.0}
    fading = Objective(distil=Distil.model_validate(ALONE | {"decay": "linear"}))
    assert fading.weights(0.75)["L_D/itself"] == 0.25


@pytest.mark.parametrize("network", ["rtmpose", "heatmap"])
def test_both_heads_read_the_same_features(network: str) -> None:
    torch.manual_seed(0)
    variant = recipe().variant
    own, finished = (NETWORKS[network].build(variant, 3, (32, 32)).eval() for _ in range(2))
    own.get_submodule("backbone").load_state_dict(finished.get_submodule("backbone").state_dict())
    own.requires_grad_(False)
    own.get_submodule("head").requires_grad_(True)
    images = torch.randn(2, 3, 32, 32)
    x, y, finished_x, finished_y = TwoHeads(own, finished)(images)
    expected = (*own(images), *finished(images))
    assert all(map(torch.equal, (x, y, finished_x, finished_y), expected))
    (x.sum() + y.sum()).backward()
    learns = {name for name, weight in own.named_parameters() if weight.grad is not None}
    assert learns == {name for name, _ in own.named_parameters() if name.startswith("head.")}
    assert not finished_x.requires_grad


def test_a_second_stage_ends_with_the_firsts_backbone_and_a_head_of_its_own(
    people: TrainingSet, first: Path, tmp_path: Path
) -> None:
    """It is exported as a model like any; what it learnt from is its own finished head alone."""
    run = second(people, first, tmp_path, ALONE)
    train("second", run)
    before, after = (
        torch.load(folder / WEIGHTS_FILE, weights_only=True) for folder in (first, tmp_path)
    )
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith("backbone.")} <= same
    assert "head.cls_x.weight" not in same
    card = Card.load(tmp_path / CARD_FILE)
    x, _ = Session(tmp_path / MODEL_FILE, card, batch=1).run(np.zeros((1, 32, 32, 3), np.uint8))
    assert x.shape == (1, 17, 64)
    for row in run.start().history:
        assert row["loss"] == pytest.approx(row["L_D/itself"], rel=1e-5)


def test_the_fresh_head_comes_closer_to_a_sure_one(
    people: TrainingSet, first: Path, tmp_path: Path
) -> None:
    state = torch.load(first / WEIGHTS_FILE, weights_only=True)
    sure = {name: 20 * weight if "head.cls" in name else weight for name, weight in state.items()}
    torch.save(sure, tmp_path / WEIGHTS_FILE)
    run = second(people, tmp_path, tmp_path / "run", ALONE, epochs=8, ema=None)
    run.train()
    losses = [row["L_D/itself"] for row in run.start().history]
    assert losses[-1] < losses[0] / 4


def test_it_may_be_one_of_several_teachers(data: TrainingSet, first: Path, tmp_path: Path) -> None:
    """Beside a cached one, the labels and the loss of bones."""
    how = {"alpha": 0.3, "teachers": {"teacher": 0.5}, "itself": 0.25}
    init = str(first / WEIGHTS_FILE)
    learning = Learning.model_validate(
        {"distil": how, "init": init, "freeze": ["backbone"], "structure": 0.5}
    )
    run = make_trainer([data], recipe(epochs=1), learning, tmp_path, memory_mb=10)
    run.train()
    (row,) = run.start().history
    parts = 0.3 * row["L_CK"] + 0.7 * (0.5 * row["L_D/teacher"] + 0.25 * row["L_D/itself"])
    assert row["loss"] == pytest.approx(parts + 0.5 * row["L_S"], rel=1e-5)


def test_people_without_labels_teach_as_much(
    people: TrainingSet, first: Path, tmp_path: Path
) -> None:
    store = samples.open(tiny.unlabelled_folder(tmp_path / "found"))
    learning = Learning.model_validate(
        {"distil": ALONE, "init": str(first / WEIGHTS_FILE), "freeze": ["backbone"]}
    )
    sets = [people, TrainingSet(samples=store, logits={})]
    assert list(untaught(learning.distil, ["found"])) == []
    run = make_trainer(sets, recipe(epochs=1), learning, tmp_path / "run", memory_mb=10)
    run.train()
    (row,) = run.start().history
    assert row["loss"] == pytest.approx(row["L_D/itself"], rel=1e-5)
    assert row["step"] == (people.samples.n + store.n) // 5


def test_another_models_head_is_refused(people: TrainingSet, tmp_path: Path) -> None:
    wider = tmp_path / "wider.pt"
    other = NETWORKS["rtmpose"].build(recipe().variant, SKELETON.num_keypoints, (32, 32))
    torch.save(other.state_dict(), wider)
    learning = Learning(
        distil=Distil.model_validate(ALONE), init=Init(weights=str(wider)), freeze=["backbone"]
    )
    run = make_trainer([people], recipe(), learning, tmp_path / "run", memory_mb=10)
    with pytest.raises(ValueError, match=r"wider.pt: its network is not this model's: \d+ entries"):
        run.start()


def test_without_a_fresh_head_or_a_frozen_backbone_there_is_nothing_to_learn_from() -> None:
    how, init = Distil.model_validate(ALONE), Init(weights="a.pt")
    assert list(headless(how, init, ["backbone"])) == []
    whole = Init(weights="a.pt", part="whole")
    for given in ((None, []), (init, []), (init, ["head"]), (whole, ["backbone"])):
        (told,) = headless(how, *given)  # type: ignore[arg-type]
        assert told.startswith("distil.itself: the finished head teaches a fresh one")
