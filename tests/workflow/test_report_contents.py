"""What the report's stage script takes of an experiment."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import tiny
from conftest import ROOT
from posecache import config, logits
from posecache.config.places import Places
from posecache.config.stages import PAGE, Stages


def script() -> Any:
    path = ROOT / "workflow_scripts" / "make_report.py"
    spec = importlib.util.spec_from_file_location("make_report", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """A student of a teacher that comes as a cache; nothing has run."""
    monkeypatch.chdir(tmp_path)
    model, people = tiny.model_folder(tmp_path / "m"), tiny.sample_folder(tmp_path, crops=True)
    logits.cache(model, people, tmp_path / "bought")
    files = {"annotations": "data/annotations.json", "images": "data", "skeleton": "coco17"}
    record = {
        "samples": {"train": {"format": "coco", **files, "crops": {"size": 64}}},
        "teachers": {"bought": {"logits": "bought"}},
        "students": {
            "s": {"samples": ["train"], "distil": {"alpha": 0.3, "teachers": {"bought": 0.5}}}
        },
        "benchmarks": {},
    }
    return Stages(Places(config.parse(record)))


def test_a_teacher_that_comes_as_a_cache_has_no_model(stages: Stages) -> None:
    found = script().contents(stages)
    assert (found.student, found.teachers) == ("s", ["bought"])
    assert found.models == {"s": Path("results/models/s")}
    assert found.taught == {("bought", "train"): Path("bought")}


def test_what_does_not_stand_is_not_shown(stages: Stages) -> None:
    found = script().contents(stages)
    assert (found.samples, found.training_sets, found.logits) == ({}, [], {})


def test_another_key_than_was_planned_is_refused(stages: Stages) -> None:
    found = script()
    job = stages.job(*PAGE)
    assert found.record(stages, job.key) == job.record
    assert found.record(stages, None) is None
    with pytest.raises(ValueError, match=r"index.html: the configuration, or a file that it names"):
        found.record(stages, "other")
