from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import recipe, weights

import posecache
import tiny
from posecache import files, logits, samples
from posecache.models.card import CARD_FILE, MODEL_FILE, WEIGHTS_FILE, Card
from posecache.models.checkpoint import load_into
from posecache.models.export import to_bytes
from posecache.models.networks import NETWORKS
from posecache.models.session import Session
from posecache.training.recipe import Learning
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer, open_sets, train
from posecache.training.trainer import Trainer

TEACHERS = {"body": "coco17", "mpii": "mpii16"}


@dataclass(frozen=True)
class Stores:
    """Two sample sets, and two teachers' logits over each of them."""

    samples: list[Path]
    logits: dict[tuple[str, str], Path]  # by teacher and sample set

    def of(self, *teachers: str) -> dict[str, list[Path]]:
        """The logits of some teachers."""
        own = self.logits.items()
        return {name: [path for (owner, _), path in own if owner == name] for name in teachers}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """The folders' names do not say what is in them."""
    folder = tmp_path_factory.mktemp("stores")
    folders = [tiny.sample_folder(folder / "ab"[s], crops=True, seed=s) for s in range(2)]
    found = Stores(folders, {})
    for name, skeleton in TEACHERS.items():
        path = tiny.model_folder(folder / name, skeleton) / CARD_FILE
        replace(Card.load(path), name=name).save(path)
        for sample_folder in found.samples:
            out = folder / f"logits{len(found.logits)}"
            logits.cache(path.parent, sample_folder, out)
            found.logits[name, sample_folder.parent.name] = out
    return found


def make(sets: Sequence[TrainingSet], folder: Path, **changes: Any) -> Trainer:
    """A short run over sets with all their teachers; `changes` of its recipe, `init`, `freeze`,
    `refine` or `mode`."""
    teachers = dict.fromkeys(sets[0].logits, 0.5)
    distil = {"alpha": 0.3, "teachers": teachers, "mode": changes.pop("mode", "equation-8")}
    learning = Learning.model_validate(
        {
            "distil": distil if teachers else None,
            "init": changes.pop("init", None),
            "freeze": changes.pop("freeze", []),
            "refine": changes.pop("refine", None),
        }
    )
    how = recipe(**({"epochs": 1, "batch_size": 10} | changes))
    return make_trainer(sets, how, learning, folder, memory_mb=10)


@pytest.fixture(scope="module")
def trained(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A student of two teachers; its model lies in its folder."""
    sets = open_sets(stores.samples, stores.of(*TEACHERS))
    run = make(sets, tmp_path_factory.mktemp("students") / "unified", padding=1.5)
    train("unified", run)
    return run


def test_a_student_is_written_as_a_model_with_its_weights_and_its_card(trained: Trainer) -> None:
    folder = trained.folder
    assert Card.load(folder / CARD_FILE) == Card(
        name="unified",
        sha256=files.sha256(folder / MODEL_FILE),
        weights_sha256=files.sha256(folder / WEIGHTS_FILE),
        skeleton="coco17+mpii16",
        input_size=(32, 32),
        padding=1.5,
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        split_ratio=2.0,
        sigma=(2.0, 2.0),
        beta=10.0,
        source="trained by posecache",
        posecache=posecache.__version__,
        extra={"training": trained.identity},
    )


@pytest.mark.parametrize("mode", ["equation-8", "authors-code"])
def test_the_mode_says_how_logits_are_read(stores: Stores, tmp_path: Path, mode: str) -> None:
    sets = open_sets(stores.samples, stores.of(*TEACHERS))
    run = make(sets, tmp_path, mode=mode)
    assert run.teaching.as_authors == (mode == "authors-code")
    assert torch.isfinite(weights(run.train())).all()


def test_the_weights_beside_a_model_are_its_own(trained: Trainer) -> None:
    how = trained.recipe
    network = NETWORKS[how.network].build(how.variant, 21, how.input_size)
    load_into(network, trained.folder / WEIGHTS_FILE, "whole")
    assert to_bytes(network, how.input_size) == (trained.folder / MODEL_FILE).read_bytes()


def test_the_model_that_is_kept_is_the_averaged_one(trained: Trainer) -> None:
    run = trained.start()  # from its last checkpoint
    assert run.average is not None
    kept = torch.load(trained.folder / WEIGHTS_FILE, weights_only=True)
    averaged, newest = run.average.state_dict(), run.model.state_dict()
    assert all(torch.equal(weight, averaged[name]) for name, weight in kept.items())
    assert not all(torch.equal(weight, newest[name]) for name, weight in kept.items())


def test_a_student_runs_like_any_model(trained: Trainer, stores: Stores, tmp_path: Path) -> None:
    logits.cache(trained.folder, stores.samples[0], tmp_path / "logits")
    found = logits.open(tmp_path / "logits", samples=samples.open(stores.samples[0]))
    assert (found.model, found.skeleton) == ("unified", "coco17+mpii16")
    assert [axis.shape for axis in found.read(slice(0, 2))[:2]] == [(2, 1, 21, 64)] * 2


def test_each_teachers_store_is_found_in_any_order_of_folders(stores: Stores) -> None:
    for order in permutations(stores.logits.items()):
        given = {name: [path for (owner, _), path in order if owner == name] for name in TEACHERS}
        sets = open_sets(stores.samples, given)
        assert [s.samples.folder for s in sets] == stores.samples
        for training_set, name in zip(sets, ("a", "b"), strict=True):
            found = {teacher: store.folder for teacher, store in training_set.logits.items()}
            assert found == {teacher: stores.logits[teacher, name] for teacher in TEACHERS}
            assert list(found) == list(TEACHERS)


def test_without_teachers_no_logits_are_needed(stores: Stores) -> None:
    sets = open_sets(stores.samples, {})
    assert [dict(s.logits) for s in sets] == [{}, {}]


@pytest.mark.parametrize("kept", [["a"], []])
def test_a_teacher_without_logits_over_a_sample_set_is_named_in_one_line(
    stores: Stores, kept: list[str]
) -> None:
    given = [stores.logits["body", name] for name in kept]
    with pytest.raises(ValueError, match="there are no logits of body over it: ") as caught:
        open_sets(stores.samples, {"body": given})
    text = str(caught.value)
    without = stores.samples[1] if kept else stores.samples[0]
    assert text.startswith(f"{without}: ")
    assert "\n" not in text
    assert all(str(folder) in text for folder in given)


def test_a_teacher_whose_logits_are_of_two_models_is_refused(stores: Stores) -> None:
    given = [stores.logits["body", "a"], stores.logits["mpii", "b"]]
    told = f"logits of mixed are of several models: {given[0]}, {given[1]}$"
    with pytest.raises(ValueError, match=told):
        open_sets(stores.samples, {"mixed": given})


def test_logits_over_samples_that_were_made_again_are_refused(
    stores: Stores, tmp_path: Path
) -> None:
    """The same persons in other pictures."""
    again = tiny.sample_folder(tmp_path, crops=True, seed=9)
    told = "lacks 10 of its 10 persons, first .*row 0, person 100: '1.jpg' is another picture there"
    with pytest.raises(ValueError, match=told):
        open_sets([again], stores.of("body"))


@pytest.mark.parametrize("part", ["backbone", "whole"])
def test_a_run_may_start_from_another_students_weights(
    trained: Trainer, stores: Stores, tmp_path: Path, part: str
) -> None:
    path = trained.folder / WEIGHTS_FILE
    first = torch.load(path, weights_only=True)
    sets = open_sets(stores.samples, stores.of(*TEACHERS))
    init = {"weights": str(path), "part": part}
    run = make(sets, tmp_path, init=init, seed=1).start()
    assert run.epoch == 0
    assert run.average is not None
    assert torch.equal(weights(run.average), weights(run.model))
    same = {
        name: torch.equal(weight, run.model.state_dict()[name]) for name, weight in first.items()
    }
    assert all(equal for name, equal in same.items() if name.startswith("backbone."))
    # The head's gains and biases start equal in every run; its matrices are random.
    assert same["head.cls_x.weight"] == (part == "whole")
    assert all(same.values()) == (part == "whole")


def test_the_backbone_of_another_skeletons_student_fits(
    trained: Trainer, stores: Stores, tmp_path: Path
) -> None:
    sets, path = open_sets(stores.samples, {}), trained.folder / WEIGHTS_FILE
    run = make(sets, tmp_path, init=str(path)).start()
    first = torch.load(path, weights_only=True)
    name = "backbone.stem.0.conv.weight"
    assert torch.equal(run.model.state_dict()[name], first[name])
    whole = make(sets, tmp_path, init={"weights": str(path), "part": "whole"})
    with pytest.raises(ValueError, match="its network is not this model's"):
        whole.start()


@pytest.mark.parametrize("frozen", ["backbone", "head"])
def test_a_frozen_part_ends_as_it_began_and_the_other_learns(
    frozen: str, trained: Trainer, stores: Stores, tmp_path: Path
) -> None:
    sets = open_sets(stores.samples, stores.of("body", "mpii"))
    init = {"weights": str(trained.folder / WEIGHTS_FILE), "part": "whole"}
    run = make(sets, tmp_path, init=init, freeze=[frozen])
    kept, first = run.train().state_dict(), torch.load(init["weights"], weights_only=True)
    same = {name: torch.equal(kept[name], weight) for name, weight in first.items()}
    assert {name for name, still in same.items() if still} >= {
        n for n in same if n.startswith(frozen)
    }
    moved = [name for name, still in same.items() if not still]
    assert len(moved) > sum(not name.startswith(frozen) for name in same) / 2
    assert run.identity != make(sets, tmp_path, init=init).identity


def test_a_refiner_learns_over_a_model_that_stays_as_it_was(
    trained: Trainer, stores: Stores, tmp_path: Path
) -> None:
    sets = open_sets(stores.samples, stores.of("body", "mpii"))
    init = {"weights": str(trained.folder / WEIGHTS_FILE), "part": "whole"}
    refining = {"init": init, "freeze": ["backbone", "head"], "refine": {"hidden": 8}}
    run = make(sets, tmp_path, **refining)
    began = {name: weight.clone() for name, weight in run.start().model.state_dict().items()}
    train("refined", run)
    kept, first = (
        torch.load(p, weights_only=True) for p in (tmp_path / WEIGHTS_FILE, init["weights"])
    )
    assert all(torch.equal(kept[name], weight) for name, weight in first.items())
    added = kept.keys() - first.keys()
    assert all(name.startswith("refiner.") for name in added)
    assert sum(not torch.equal(kept[name], began[name]) for name in added) > len(added) / 2
    other = make(sets, tmp_path, **refining | {"refine": {"hidden": 8, "features": 8}})
    assert run.identity != other.identity

    card = Card.load(tmp_path / CARD_FILE)
    crops = np.random.default_rng(3).integers(0, 256, (2, 32, 32, 3), np.uint8)
    x, _, keypoints = Session(tmp_path / MODEL_FILE, card, batch=2).run(crops)
    beneath = Session(trained.folder / MODEL_FILE, Card.load(trained.folder / CARD_FILE), batch=2)
    assert card.refined
    np.testing.assert_allclose(x, beneath.run(crops)[0], atol=1e-5)
    network = run.start().judged.eval()
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        *_, expected, scores = network(run.teaching.normalised(pictures))
    np.testing.assert_allclose(keypoints[..., :2], expected, atol=1e-3)
    np.testing.assert_allclose(keypoints[..., 2], scores, atol=1e-5)


def test_a_network_and_a_loss_of_ones_own_are_trained_like_ours(
    stores: Stores, tmp_path: Path
) -> None:
    own = {"network": "tiny_own:NETWORK", "variant": 4, "loss": "tiny_own:absolute"}
    sets = open_sets(stores.samples, stores.of("body"))
    run = make(sets, tmp_path, **own)
    train("own", run)
    card = Card.load(tmp_path / CARD_FILE)
    session = Session(tmp_path / MODEL_FILE, card, batch=2)
    x, y = session.run(np.zeros((2, 32, 32, 3), np.uint8))
    assert (x.shape, y.shape) == ((2, 17, 64), (2, 17, 64))
    started = make(sets, tmp_path / "second", **own, init=str(tmp_path / WEIGHTS_FILE))
    with pytest.raises(ValueError, match="no part named backbone"):
        started.start()
    whole = {"weights": str(tmp_path / WEIGHTS_FILE), "part": "whole"}
    with pytest.raises(ValueError, match="no part named backbone"):
        make(sets, tmp_path / "second", **own, init=whole, freeze=["backbone"]).start()
    again = make(sets, tmp_path / "second", **own, init=whole).start()
    assert again.average is not None
    kept = torch.load(tmp_path / WEIGHTS_FILE, weights_only=True)
    assert all(torch.equal(kept[n], w) for n, w in again.model.state_dict().items())
