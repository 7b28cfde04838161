"""Where things lie, and what an experiment shares with the one that it extends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo_config import trained_here
from posecache.config.places import Places, open_experiment


def demo(tmp_path: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """A folder with the demo's configuration, changed."""
    record = trained_here()
    if change is not None:
        change(record)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(record))
    return tmp_path


def on_top(folder: Path, **sections: Any) -> Places:
    return open_experiment([], {"extends": str(folder / "config.yaml"), **sections})


def test_teachers_lie_in_the_cache_and_students_in_results(tmp_path: Path) -> None:
    def apart(record: dict[str, Any]) -> None:
        record |= {"results": "r", "cache": "c"}

    demo(tmp_path, apart)
    places = open_experiment([tmp_path / "config.yaml"], {})
    assert places.samples("coco-val") == "c/samples/coco-val"
    assert places.model("teacher-coco") == "c/models/teacher-coco"
    assert places.model("unified-t") == "r/models/unified-t"
    assert places.logits("teacher-coco", "coco-train") == "c/logits/teacher-coco/coco-train"
    assert places.logits("unified-t", "coco-val") == "r/logits/unified-t/coco-val"
    assert places.score("teacher-coco", "coco") == "r/scores/teacher-coco/coco.json"
    assert places.table("table1") == "r/tables/table1.csv"
    assert places.roots == ["r", "c"]


def test_the_cache_is_results_unless_told(tmp_path: Path) -> None:
    def alone(record: dict[str, Any]) -> None:
        record |= {"results": "r"}
        del record["cache"]

    folder = demo(tmp_path, alone)
    places = open_experiment([folder / "config.yaml"], {})
    assert places.samples("coco-val") == "r/samples/coco-val"


def test_what_is_left_as_it_is_lies_where_the_other_experiment_has_it(tmp_path: Path) -> None:
    students = {"unified-t": {"distil": {"alpha": 0.5}}}
    places = on_top(demo(tmp_path), results="mine", students=students)
    assert places.model("unified-t") == "mine/models/unified-t"
    assert places.logits("unified-t", "mpii-val") == "mine/logits/unified-t/mpii-val"
    assert places.score("unified-t", "mpii") == "mine/scores/unified-t/mpii.json"
    assert places.model("unified-s") == "results/models/unified-s"
    assert places.score("unified-s", "mpii") == "results/scores/unified-s/mpii.json"
    assert places.logits("teacher-coco", "mpii-train") == "results/logits/teacher-coco/mpii-train"
    assert places.table("table1") == "mine/tables/table1.csv"


@pytest.mark.parametrize(
    ("sections", "own", "shared"),
    [
        ({"samples": {"coco-train": {"crops": {"context": 1.5}}}},
         {"coco-t", "unified-t", "teacher-coco"}, {"mpii-t", "teacher-mpii"}),
        ({"teachers": {"teacher-mpii": {"train": {"training": {"seed": 5}}}}},
         {"teacher-mpii", "unified-t"}, {"teacher-coco", "combined-t", "mpii-t"}),
        ({"logits": {"flip": False}}, {"unified-t"}, {"teacher-coco", "combined-t"}),
        ({"logits": {"batch": 8, "jobs": 3}, "compute": {"threads": 2}}, set(), {"unified-t"}),
        ({"training": {"lr": 0.1}}, {"teacher-coco", "coco-t", "unified-s"}, set()),
    ],
)  # fmt: skip
def test_a_change_reaches_what_depends_on_it(
    tmp_path: Path, sections: dict[str, Any], own: set[str], shared: set[str]
) -> None:
    places = on_top(demo(tmp_path), results="mine", **sections)
    assert {name for name in own | shared if places.model(name).startswith("mine/")} == own


def test_another_benchmark_is_another_score_of_the_same_logits(tmp_path: Path) -> None:
    places = on_top(
        demo(tmp_path),
        results="mine",
        benchmarks={"coco": {"nms": 0.8}, "coco-shared12": {"nms": 0.8}},
    )
    assert places.score("unified-t", "coco") == "mine/scores/unified-t/coco.json"
    assert places.score("unified-t", "mpii") == "results/scores/unified-t/mpii.json"
    assert places.logits("unified-t", "coco-val") == "results/logits/unified-t/coco-val"


def test_another_cache_shares_nothing(tmp_path: Path) -> None:
    places = on_top(demo(tmp_path), results="mine", cache="mine")
    assert places.roots == ["mine"]
    assert places.model("unified-s") == "mine/models/unified-s"


def test_a_new_student_of_a_shared_teacher_is_ones_own(tmp_path: Path) -> None:
    students = {"more": {"samples": ["coco-train"], "init": "coco-t"}}
    places = on_top(demo(tmp_path), results="mine", students=students)
    assert places.model("more") == "mine/models/more"
    assert places.init("more") == "results/models/coco-t/weights.pt"


def test_what_starts_from_a_changed_model_is_changed(tmp_path: Path) -> None:
    def chained(record: dict[str, Any]) -> None:
        record["students"]["coco-s"]["init"] = "coco-t"

    folder = demo(tmp_path, chained)
    places = on_top(folder, results="mine", students={"coco-t": {"training": {"seed": 3}}})
    assert places.model("coco-s") == "mine/models/coco-s"
    places = on_top(folder, results="mine", students={"mpii-t": {"training": {"seed": 3}}})
    assert places.model("coco-s") == "results/models/coco-s"


def test_experiments_share_through_several_layers(tmp_path: Path) -> None:
    folder = demo(tmp_path)
    middle = {"extends": "config.yaml", "results": "middle",
              "students": {"coco-t": {"training": {"seed": 3}}}}  # fmt: skip
    (folder / "middle.yaml").write_text(yaml.safe_dump(middle))
    top = {
        "extends": str(folder / "middle.yaml"),
        "results": "top",
        "students": {"mpii-t": {"training": {"seed": 3}}},
    }
    places = open_experiment([], top)
    models = [places.model(name) for name in ("unified-t", "coco-t", "mpii-t")]
    assert models == [
        "results/models/unified-t", "middle/models/coco-t", "top/models/mpii-t"
    ]  # fmt: skip
    assert places.roots == ["top", "results", "middle"]
