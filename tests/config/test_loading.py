import copy
from pathlib import Path

import pytest
from demo_config import DEMO, ROOT

from posecache import config
from posecache.config.loading import layers


def test_a_missing_section_is_named() -> None:
    record = copy.deepcopy(DEMO)
    del record["benchmarks"]
    with pytest.raises(ValueError, match=r"benchmarks: this key is missing"):
        config.parse(record)


def test_a_file_that_is_no_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(ValueError, match=r"c\.yaml: no such configuration"):
        config.load(path, tmp_path)
    path.write_text("a: [")
    with pytest.raises(ValueError, match=r"c\.yaml: not YAML"):
        config.load(path, tmp_path)


def test_a_configuration_may_extend_another(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: config.yaml\ndemo: null\nstudents: {unified-t: {distil: {alpha: 0.5}}}\n"
    )
    mine = config.load(tmp_path / "mine.yaml", ROOT)
    demo = config.parse(DEMO)
    assert mine.demo is None
    changed = mine.students["unified-t"].distil
    assert changed is not None
    assert (changed.alpha, changed.teachers["teacher-coco"]) == (0.5, 0.45)
    assert mine.students["mpii-t"] == demo.students["mpii-t"]


def test_layers_are_the_extended_ones_and_the_last_has_all(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: {one: 1, two: 2}\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nx: {two: 3}\n")
    assert layers({"extends": "b.yaml", "y": 4}, tmp_path) == [
        {"x": {"one": 1, "two": 2}},
        {"x": {"one": 1, "two": 3}},
        {"x": {"one": 1, "two": 3}, "y": 4},
    ]
    assert layers({"y": 4}, tmp_path) == [{"y": 4}]
