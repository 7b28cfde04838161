"""Whose people the report page shows."""

from typing import Any

import pytest

from demo_config import DEMO, changed
from posecache import config
from posecache.config.places import Places
from posecache.config.showing import shown_sets, shown_student, shown_teachers
from posecache.config.stages import PAGE, Stages


def found(record: dict[str, Any]) -> config.Config:
    return config.parse(record)


def test_the_first_student_of_most_keypoints_with_teachers() -> None:
    experiment = found(DEMO)
    assert shown_student(experiment) == "unified-t"
    assert shown_teachers(experiment) == ["teacher-coco", "teacher-mpii"]
    assert shown_sets(experiment) == ["coco-val", "mpii-val", "halpe-val", "mpii-cross"]


def test_a_student_without_benchmarks_comes_last() -> None:
    none = changed("students.unified-t.benchmarks", [])
    assert shown_student(found(none)) == "unified-s"


def test_the_one_that_is_named_by_its_first_run() -> None:
    record = changed("report", {"student": "coco-t"}) | {"seeds": [3, 0]}
    experiment = found(record)
    assert shown_student(experiment) == "coco-t@3"
    assert shown_teachers(experiment) == []


def test_a_name_that_no_student_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"config: report.student: unknown name 'teacher-coco'"):
        found(changed("report", {"student": "teacher-coco"}))


def test_a_page_needs_no_cache_that_may_have_been_removed() -> None:
    """Of stores of logits, the shown student's alone: teachers' are the large ones."""
    page = Stages(Places(found(DEMO))).job(*PAGE)
    stores = [path for path in page.inputs if path.endswith("manifest.json")]
    assert {path for path in stores if "/logits/" in path} == {
        f"results/logits/unified-t/{name}/manifest.json" for name in shown_sets(found(DEMO))
    }
    assert not any("-train" in path for path in stores)


def test_it_asks_for_nothing_that_would_not_be_made_anyway() -> None:
    stages = Stages(Places(found(DEMO)))
    anyway: set[str] = set()
    waiting = [job for job in stages.wanted if job.rule != "report_page"]
    while waiting:
        job = waiting.pop()
        anyway.add(job.output)
        waiting += job.upstream
    assert set(stages.job(*PAGE).inputs) <= anyway
