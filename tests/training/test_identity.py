import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_run import RECIPE, recipe

import tiny
from posecache import logits, samples
from posecache.files import fingerprint
from posecache.training.identity import identity
from posecache.training.recipe import Distil, Learning, Recipe
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer

DISTIL = {"alpha": 0.3, "teachers": {"teacher": 0.5}}


def named(data: TrainingSet, distil: dict[str, Any] | None = None, **changes: Any) -> str:
    """The identity of a run over one set, with changes of its recipe."""
    return identity(recipe(**changes), Learning.model_validate({"distil": distil}), [data])


def with_init(data: TrainingSet, weights: Path, part: str = "backbone") -> str:
    learning = {"distil": DISTIL, "init": {"weights": str(weights), "part": part}}
    return identity(recipe(), Learning.model_validate(learning), [data])


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"lr": 2e-3},
        {"loss": "l2"},
        {"augmentation": {"flip_prob": 0.4}},
        {"epochs": 4},
    ],
)
def test_another_recipe_is_another_run(data: TrainingSet, changes: dict[str, Any]) -> None:
    assert named(data, DISTIL, **changes) != named(data, DISTIL)


def test_another_objective_is_another_run(data: TrainingSet) -> None:
    distils: list[dict[str, Any] | None] = [
        None,
        DISTIL,
        DISTIL | {"alpha": 0.4},
        DISTIL | {"teachers": {"teacher": 0.6}},
        DISTIL | {"mode": "authors-code"},
        DISTIL | {"decay": "linear"},
        DISTIL | {"temperatures": {"teacher": 2.0}},
        DISTIL | {"where": "unlabelled"},
        DISTIL | {"confidence": "peak"},
    ]
    assert len({named(data, distil) for distil in distils}) == len(distils)


def test_a_switched_off_ablation_is_no_part_of_what_tells_runs_apart() -> None:
    distil = Distil.model_validate(DISTIL | {"decay": "none", "where": "unlabelled"})
    assert distil.identity == DISTIL | {"mode": "equation-8", "where": "unlabelled"}


def test_a_run_without_bones_is_what_it_was_before_there_were_any(data: TrainingSet) -> None:
    learning = Learning.model_validate({"distil": DISTIL})
    assert learning.distil is not None
    before = {
        "recipe": recipe().identity,
        "distil": learning.distil.identity,
        "init": None,
        "samples": [data.samples.fingerprint],
        "logits": [data.logits["teacher"].fingerprint],
    }
    assert identity(recipe(), learning, [data]) == fingerprint(before)
    weights: list[float | dict[str, Any]] = [0.1, 0.2, {"weight": 0.1, "pairs": "all"}]
    found = {
        identity(recipe(), Learning.model_validate({"distil": DISTIL, "structure": w}), [data])
        for w in weights
    }
    assert len(found | {fingerprint(before)}) == 4


def test_other_weights_to_start_from_are_another_run(data: TrainingSet, tmp_path: Path) -> None:
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"one")):
        (tmp_path / name).write_bytes(content)
    started = with_init(data, tmp_path / "a")
    assert started != named(data, DISTIL)
    assert started != with_init(data, tmp_path / "b")
    assert started != with_init(data, tmp_path / "a", "whole")
    # The same content under another name is the same start.
    assert started == with_init(data, tmp_path / "c")


def test_other_logits_or_samples_are_another_run(data: TrainingSet, tmp_path: Path) -> None:
    model = tiny.model_folder(tmp_path / "model")
    how = logits.Caching(encoding="float32")
    logits.cache(model, data.samples.folder, tmp_path / "finer", how)
    finer = TrainingSet(samples=data.samples, logits={"teacher": logits.open(tmp_path / "finer")})
    assert named(finer, DISTIL) != named(data, DISTIL)
    other = samples.open(tiny.sample_folder(tmp_path, crops=True, seed=3))
    assert named(TrainingSet(samples=other, logits={})) != named(
        TrainingSet(samples=data.samples, logits={})
    )


def test_stores_may_be_moved_or_made_again(data: TrainingSet, tmp_path: Path) -> None:
    shutil.copytree(data.samples.folder, tmp_path / "samples")
    model = tiny.model_folder(tmp_path / "model")
    logits.cache(model, tmp_path / "samples", tmp_path / "logits", batch=3, threads=2)
    moved = TrainingSet(
        samples=samples.open(tmp_path / "samples"),
        logits={"teacher": logits.open(tmp_path / "logits")},
    )
    assert named(moved, DISTIL) == named(data, DISTIL)


def test_how_often_a_run_is_saved_is_no_part_of_it(data: TrainingSet) -> None:
    often = named(data, DISTIL, checkpoint_epochs=3, checkpoint_minutes=0.5)
    assert often == named(data, DISTIL)


def test_defaults_may_be_written_out(data: TrainingSet) -> None:
    short, learning = Recipe.model_validate(RECIPE), Learning.model_validate({"distil": DISTIL})
    written = Recipe.model_validate(dict(reversed(short.model_dump(mode="json").items())))
    plain = {"mode": "equation-8", "decay": "none", "temperatures": {"teacher": 1.0}}
    plain |= {"where": "everywhere", "confidence": "none"}
    explicit = Learning.model_validate({"distil": DISTIL | plain, "init": None})
    assert identity(written, explicit, [data]) == identity(short, learning, [data])


def test_memory_threads_and_folder_belong_to_no_identity(data: TrainingSet, tmp_path: Path) -> None:
    how, learning = recipe(), Learning.model_validate({"distil": DISTIL})
    runs = [
        make_trainer([data], how, learning, tmp_path / "a", memory_mb=10),
        make_trainer([data], how, learning, tmp_path / "b", memory_mb=1, threads=2),
    ]
    assert [run.identity for run in runs] == [identity(how, learning, [data])] * 2
