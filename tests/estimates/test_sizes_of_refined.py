"""What a refined model's stores will take, as they then do."""

from pathlib import Path

import pytest

import tiny
from demo_config import changed
from four_outputs import refined_folder
from posecache import config, logits
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.estimates.rows import RowCounts
from posecache.estimates.sizes import Sizes
from posecache.models.card import MODEL_FILE
from posecache.stores.layout import Column


@pytest.mark.parametrize(("head", "beside"), [("simcc", set()), ("refined", {"keypoints"})])
def test_keypoints_are_counted_as_they_will_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str, beside: set[str]
) -> None:
    """Upright over a validation set, and not over a training set, where its looks are merged."""
    monkeypatch.chdir(tmp_path)
    model = refined_folder(tmp_path / "model")
    teacher = {
        "weights": str(model / MODEL_FILE), "skeleton": "coco17", "input_size": list(tiny.SIZE),
        "head": head, "views": {"merge": "confident"},
    }  # fmt: skip
    stages = Stages(Places(config.parse(changed("teachers.teacher-coco", teacher))))
    sizes = Sizes(stages, RowCounts(stages))
    counted = sizes.logits("teacher-coco", "coco-val").columns
    assert counted.keys() & {"keypoints"} == beside
    assert "keypoints" not in sizes.logits("teacher-coco", "coco-train").columns
    logits.cache(model, tiny.sample_folder(tmp_path), tmp_path / "logits")
    kept = logits.open(tmp_path / "logits").layout.columns["keypoints"]
    assert counted.get("keypoints", kept) == kept == Column(shape=(1, 17, 3), shuffle=None)


def test_a_refined_students_keypoints_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record = changed("students.fine", {
        "samples": ["coco-train"], "init": {"weights": "coco-t", "part": "whole"},
        "freeze": ["backbone", "head"], "refine": {},
    })  # fmt: skip
    stages = Stages(Places(config.parse(record)))
    sizes = Sizes(stages, RowCounts(stages))
    coarse, fine = (sizes.logits(name, "coco-val").columns for name in ("coco-t", "fine"))
    assert fine.keys() - coarse.keys() == {"keypoints"}
