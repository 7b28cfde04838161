"""Sections that ask models about sample sets."""

from typing import Any

import pytest

from demo_config import changed
from posecache.config import parse

RESULT = "results/annotations/x.json"
EXTENDED = {"format": "coco", "annotations": RESULT, "images": "i", "skeleton": "coco17+mpii16"}


def ask(samples: str = "coco-train", by: tuple[str, ...] = ("unified-t",)) -> dict[str, Any]:
    return {"samples": samples, "by": list(by)}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("annotations", {"x": ask("no")}, "annotations.x.samples: unknown name 'no'"),
        ("annotations", {"x": ask(by=("no",))}, "annotations.x.by: unknown name 'no'"),
        ("annotations", {"x": ask(by=())}, "annotations.x.by: "),
        ("annotations", {"x": ask(by=("coco-t", "coco-t"))}, "'coco-t' is listed twice"),
        ("active_learning", {"no": {"by": ["coco-t"]}}, "active_learning: unknown name 'no'"),
        ("active_learning", {"coco-val": {"by": ["no"]}}, "active_learning.coco-val.by: unknown"),
        ("active_learning", {"coco-val": {"by": ["coco-t"], "sheet": 0}}, "coco-val.sheet: "),
    ],
)
def test_what_is_not_there_is_named(key: str, value: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(changed(key, value))


def test_a_configuration_does_not_learn_from_what_it_writes() -> None:
    record = changed("annotations", {"x": ask()})
    record["samples"]["own"] = EXTENDED
    with pytest.raises(ValueError, match=f"own.annotations: {RESULT} is made by annotations.x"):
        parse(record)
    assert "own" in parse(record | {"results": "next"}).samples


def test_a_student_of_several_seeds_is_asked_by_its_first_run() -> None:
    config = parse(changed("annotations", {"x": ask()}) | {"seeds": [3, 4]})
    assert config.asked(["unified-t", "teacher-coco"]) == ["unified-t@3", "teacher-coco"]
