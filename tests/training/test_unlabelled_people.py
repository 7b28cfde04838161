"""Students of people without labels, whom only a teacher teaches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_run import recipe

import tiny
from posecache import logits, samples, skeletons
from posecache.training.losses import Objective, Truth
from posecache.training.recipe import Distil, Learning
from posecache.training.student import make_trainer, open_sets
from posecache.training.trainer import Trainer


@dataclass(frozen=True)
class Stores:
    """A labelled sample set, an unlabelled one of other pictures, and a teacher's logits."""

    labelled: Path
    unlabelled: Path
    logits: list[Path]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    folder = tmp_path_factory.mktemp("stores")
    labelled = tiny.sample_folder(folder / "labelled", crops=True)
    unlabelled = tiny.unlabelled_folder(folder / "unlabelled")
    model = tiny.model_folder(folder / "tiny", "mpii16")
    folders = []
    for number, sample_folder in enumerate((labelled, unlabelled)):
        folders.append(folder / f"logits{number}")
        logits.cache(model, sample_folder, folders[-1])
    return Stores(labelled, unlabelled, folders)


def make(stores: Stores, sets: list[Path], folder: Path, alpha: float = 0.3) -> Trainer:
    opened = open_sets(sets, {"tiny": stores.logits})
    learning = Learning(distil=Distil(alpha=alpha, teachers={"tiny": 1.0}))
    return make_trainer(opened, recipe(epochs=2), learning, folder, memory_mb=10)


def test_both_kinds_train_one_student(stores: Stores, tmp_path: Path) -> None:
    run = make(stores, [stores.labelled, stores.unlabelled], tmp_path)
    assert run.teaching.skeleton.name == "coco17+mpii16"
    batches = list(run.stream.epoch(0))
    labelled = [int((~np.isnan(batch.keypoints)).any((1, 2)).sum()) for batch in batches]
    assert (len(batches), sum(labelled)) == (4, 10)  # of 20 people
    assert all(torch.isfinite(p).all() for p in run.train().parameters())


def test_without_any_label_the_teachers_keypoints_are_learnt(
    stores: Stores, tmp_path: Path
) -> None:
    run = make(stores, [stores.unlabelled], tmp_path)
    assert run.teaching.skeleton == skeletons.load("mpii16")
    started = run.start().history
    run.train()
    history = run.start().history
    assert (started, len(history)) == ([], 2)
    assert all(row["L_CK"] == 0 < row["L_D/tiny"] for row in history)
    assert history[0]["loss"] == pytest.approx(0.7 * history[0]["L_D/tiny"], rel=1e-5)


def test_alpha_of_unlabelled_people_alone_scales_the_teachers(
    stores: Stores, tmp_path: Path
) -> None:
    run = make(stores, [stores.unlabelled], tmp_path, alpha=0.6)
    run.train()
    row = run.start().history[0]
    assert row["loss"] == pytest.approx(0.4 * row["L_D/tiny"], rel=1e-5)


@pytest.mark.parametrize("loss", ["simcc_kl", "l2"])
@pytest.mark.parametrize("mode", [None, "authors-code"])
def test_a_label_weighs_the_same_whoever_is_in_its_batch(loss: str, mode: str | None) -> None:
    """Two people with one keypoint each; then the second one's label is taken away."""
    generator = torch.Generator().manual_seed(0)
    pred = tuple(torch.rand(2, 1, 8, generator=generator).requires_grad_() for _ in "xy")
    label = torch.rand(2, 1, 8, generator=generator)
    points = torch.tensor([[[1.0, 2.0]], [[0.0, 3.0]]])
    distil = mode and Distil(alpha=0.5, teachers={"t": 1.0}, mode="authors-code")
    objective = Objective(label_loss=loss, distil=distil or None)
    gradients = []
    for weight in ([[1.0], [1.0]], [[1.0], [0.0]]):
        truth = Truth(label_x=label, label_y=label, keypoints=points, weight=torch.tensor(weight))
        value = objective.parts(pred[0], pred[1], truth, {})["L_CK"]
        gradients.append(torch.autograd.grad(value, pred))
    for both, one in zip(*gradients, strict=True):
        assert float(one[0].abs().max()) > 0
        assert torch.equal(one[0], both[0])
        assert not one[1].any()


def test_a_store_without_labels_has_no_keypoints(stores: Stores) -> None:
    store = samples.open(stores.unlabelled)
    assert (store.skeleton, store.labelled) == ("none", False)
    assert store.keypoints.shape == (10, 0, 2)
    assert {"keypoints", "visibility"}.isdisjoint(store.layout.columns)
    assert samples.open(stores.labelled).keypoints.shape == (10, 17, 2)
