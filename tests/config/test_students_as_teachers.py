"""Students that teach others: which run does, how it is cached, and what follows from a change."""

from typing import Any

import pytest

from demo_config import DEMO, changed
from posecache import config
from posecache.config import resources
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.logits.settings import Caching

SECOND = {
    "samples": ["coco-train"],
    "init": "coco-t",
    "freeze": ["backbone"],
    "distil": {"alpha": 0, "teachers": {"coco-t": 1.0}, "mode": "dwpose"},
}


def taught(**sections: Any) -> Stages:
    """The demo with a student that learns from coco-t."""
    record = changed("students.second", SECOND) | sections
    return Stages(Places(config.parse(record)))


def test_a_student_teaches_by_its_run_of_the_same_seed_else_by_its_first() -> None:
    found = taught(seeds=[1, 0]).config
    assert found.teaching("second@1") == {"coco-t": "coco-t@1"}
    assert found.teachers_of("second") == ["coco-t"]
    assert found.students_of("coco-t@1") == ["second@1"]
    assert found.teaching("unified-t@1") == {n: n for n in ("teacher-coco", "teacher-mpii")}
    students = changed("students.second", SECOND | {"seeds": [7]})["students"]
    students["coco-t"]["seeds"] = [3, 4]
    assert taught(students=students).config.teachers_of("second@7") == ["coco-t@3"]


def test_its_logits_are_read_under_its_own_name() -> None:
    options = taught(seeds=[0, 1]).train_student("second@1")
    given = options[options.index("--logits") + 1]
    assert given == "coco-t=results/logits/coco-t@1/coco-train"
    assert "{alpha: 0.0, teachers: {coco-t: 1.0}, mode: dwpose}" in options
    assert options[options.index("--init") + 1].startswith(
        "{weights: results/models/coco-t@1/weights.pt"
    )


def test_it_looks_as_a_teacher_where_others_learn_and_upright_where_it_is_scored() -> None:
    things = taught(logits=DEMO["logits"] | {"views": {"merge": "confident"}}).things
    teacher = things.caching("teacher-coco", "coco-train")
    assert teacher.views.merge == "confident"
    assert things.caching("coco-t", "coco-train") == teacher
    upright = [("coco-t", "coco-val"), ("mpii-t", "coco-train"), ("second", "coco-train")]
    assert {things.caching(*run) for run in upright} == {Caching()}


def test_nothing_else_becomes_another_thing() -> None:
    """Beside what the new student adds, and the page, which shows every student."""
    before = {job.output: job.key for job in Stages(Places(config.parse(DEMO))).wanted}
    after = {job.output: job.key for job in taught().wanted}
    page = "results/report/index.html"
    assert {path for path in before if before[path] != after[path]} == {page}
    assert all("/second/" in path for path in after.keys() - before.keys())


def test_a_change_of_the_first_stage_is_one_of_the_second() -> None:
    """By its logits alone: the second starts from nothing here."""
    fresh = SECOND | {"init": None, "freeze": []}
    longer = DEMO["students"]["coco-t"] | {"training": {"epochs": 9}}
    first = taught(students=DEMO["students"] | {"second": fresh})
    other = taught(students=DEMO["students"] | {"second": fresh, "coco-t": longer})
    assert first.job("model", "second").key != other.job("model", "second").key
    (cached,) = [p for p in first.job("model", "second").upstream if p.rule == "cache_logits"]
    assert cached.output == "results/logits/coco-t/coco-train/manifest.json"
    assert [part.thing.names for part in cached.upstream] == [("coco-t",), ("coco-train",)]


def test_it_hands_its_keypoints_on() -> None:
    unlabelled = {"format": "coco", "annotations": "a.json", "images": "a", "labels": "none"}
    samples = DEMO["samples"] | {"found": unlabelled | {"crops": {"size": 448}}}
    distil = {"alpha": 0, "teachers": {"unified-t": 1}}
    second = {"samples": ["found"], "distil": distil}
    found = taught(samples=samples, students=DEMO["students"] | {"second": second}).config
    assert found.skeleton("second") == "coco17+mpii16"


def test_a_run_takes_memory_for_its_logits() -> None:
    alone = SECOND | {"distil": None}
    with_it, without = (
        taught(students=DEMO["students"] | {"second": second}).config for second in (SECOND, alone)
    )
    rows = 2 * 16 * 64  # two windows of sixteen chunks
    logits = 17 * 2 * (64 + 96) * 4e-6
    more = resources.training_mb(with_it, "second") - resources.training_mb(without, "second")
    assert more == pytest.approx(rows * logits, abs=1)


def test_a_finished_head_needs_no_teacher() -> None:
    live = SECOND | {"distil": {"alpha": 0, "itself": 1.0, "mode": "dwpose"}}
    stages = taught(students=DEMO["students"] | {"second": live})
    assert stages.config.teachers_of("second") == []
    assert "--logits" not in stages.train_student("second")
    values = stages.things.find("model", "second").values
    assert '"itself":1.0' in values.replace(" ", "")
    assert "itself" not in stages.things.find("model", "unified-t").values


@pytest.mark.parametrize("itself", [0, 0.0])
def test_a_finished_head_that_is_not_heard_is_no_part_of_a_run(itself: float) -> None:
    plain, same = (
        config.parse(DEMO),
        config.parse(changed("students.unified-t.distil.itself", itself)),
    )
    things = [Stages(Places(found)).things.find("model", "unified-t") for found in (plain, same)]
    assert things[0] == things[1]


@pytest.mark.parametrize(
    ("student", "others", "told"),
    [
        (
            {"init": "combined-t"},
            {},
            "the finished head teaches a fresh one over the same features: expected `init` with",
        ),
        (
            {"init": "coco-t", "freeze": ["backbone"]},
            {},
            "the head of coco-t has the keypoints of coco17, not coco17\\+mpii16",
        ),
        (
            {"init": "combined-t", "freeze": ["backbone"]},
            {"network": "heatmap"},
            "the head of combined-t has network heatmap, not rtmpose",
        ),
    ],
)
def test_a_head_that_cannot_teach_is_told_before_any_job(
    student: dict[str, Any], others: dict[str, Any], told: str
) -> None:
    record = changed("students.unified-t.distil.itself", 1.0)
    record["students"]["unified-t"] |= student
    record["students"]["combined-t"]["training"] = others
    with pytest.raises(ValueError, match=rf"students.unified-t.distil.itself: {told}"):
        config.parse(record)


@pytest.mark.parametrize(
    ("init", "teacher", "told"),
    [
        (None, "unified-t", "unified-t learns from unified-t"),
        ("unified-t", "coco-t", "unified-t learns from coco-t starts from unified-t"),
    ],
)
def test_no_student_learns_from_one_that_needs_it(
    init: str | None, teacher: str, told: str
) -> None:
    record = changed("students.coco-t.init", init)
    record["students"]["unified-t"]["distil"]["teachers"] = {"teacher-coco": 1.0, teacher: 1.0}
    with pytest.raises(ValueError, match=f"students.unified-t.distil.teachers: {told}$"):
        config.parse(record)


def test_no_teacher_has_the_name_of_a_key() -> None:
    with pytest.raises(
        ValueError, match=r"unified-t.distil: `teachers` names 'itself', which is a"
    ):
        config.parse(changed("students.unified-t.distil.teachers", {"itself": 1.0}))
