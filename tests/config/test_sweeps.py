"""Sweeps: which students they stand for, and what these share."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from demo_config import DEMO, ROOT
from posecache import config
from posecache.config.places import Places, open_experiment
from posecache.config.stages import Stages
from posecache.tables.sweeps import SweptTable

COLUMNS = {"AP": ["coco", "AP"], "PCKh": ["mpii", "mean"]}


def swept(**sweeps: dict[str, Any]) -> config.Config:
    """The demo with sweeps; of `unified-t` unless they say otherwise."""
    named = {name: {"student": "unified-t"} | sweep for name, sweep in sweeps.items()}
    return config.parse(DEMO | {"sweeps": named})


def new_students(found: config.Config) -> list[str]:
    return [name for name in found.students if name not in DEMO["students"]]


def rows(found: config.Config, table: str) -> dict[str, list[str]]:
    """The models of a sweep's table, with their values."""
    own = found.own_tables[table]
    assert isinstance(own, SweptTable)
    return own.rows


def test_each_other_value_is_a_student_and_its_own_value_is_itself() -> None:
    found = swept(a={"alpha": [0.1, 0.30, 1]})
    assert new_students(found) == ["unified-t.alpha=0.1", "unified-t.alpha=1"]
    distil = found.distil("unified-t.alpha=0.1")
    assert distil is not None
    assert distil == found.students["unified-t"].distil.model_copy(update={"alpha": 0.1})  # type: ignore[union-attr]
    assert found.recipe("unified-t.alpha=1") == found.recipe("unified-t")
    assert rows(found, "sweep_a") == {
        "unified-t.alpha=0.1": ["0.1"],
        "unified-t": ["0.3"],
        "unified-t.alpha=1": ["1"],
    }


def test_a_grid_has_every_combination_and_names_only_what_differs() -> None:
    found = swept(a={"beta.teacher-coco": [0.45, 0.2], "alpha": [0.3, 0.5]})
    assert rows(found, "sweep_a") == {
        "unified-t": ["0.45", "0.3"],
        "unified-t.alpha=0.5": ["0.45", "0.5"],
        "unified-t.beta.teacher-coco=0.2": ["0.2", "0.3"],
        "unified-t.alpha=0.5.beta.teacher-coco=0.2": ["0.2", "0.5"],
    }
    distil = found.distil("unified-t.alpha=0.5.beta.teacher-coco=0.2")
    assert distil is not None
    assert (distil.alpha, distil.teachers) == (0.5, {"teacher-coco": 0.2, "teacher-mpii": 0.25})


def test_sweeps_share_students_whatever_else_they_sweep() -> None:
    found = swept(
        a={"alpha": [0.3, 0.5]},
        b={"training.lr": [0.001, 0.002], "alpha": [0.5, 0.3]},
        c={"alpha": [0.5, 0.7], "training.lr": [0.002]},
    )
    assert new_students(found) == [
        "unified-t.alpha=0.5",
        "unified-t.alpha=0.5.training.lr=0.002",
        "unified-t.training.lr=0.002",
        "unified-t.alpha=0.7.training.lr=0.002",
    ]


@pytest.mark.parametrize(
    ("student", "key", "own", "other", "name"),
    [
        ("unified-t", "training.lr", 0.001, 0.01, "training.lr=0.01"),  # the common recipe's
        ("unified-t", "training.weight_decay", 0.05, 0, "training.weight_decay=0"),  # the default
        ("unified-t", "training.variant.widen", 0.1875, 0.25, "training.variant.widen=0.25"),
        ("unified-t", "training.input_size", [64, 96], [96, 128], "training.input_size=96+128"),
        ("unified-t", "training.drop_last", True, False, "training.drop_last=false"),
        ("unified-t", "training.clip", 5, None, "training.clip=null"),
        ("unified-t", "training.augmentation.rotate_degrees", 30, 60.0,
         "training.augmentation.rotate_degrees=60"),
        ("unified-t", "distil.confidence", "peak", "none", "distil.confidence=none"),
        ("unified-t", "distil.temperatures.teacher-coco", 1, 2,
         "distil.temperatures.teacher-coco=2"),
        ("coco-t", "samples", ["coco-train"], ["coco-train", "mpii-train"],
         "samples=coco-train+mpii-train"),
        ("coco-t", "init", None, "mpii-t", "init=mpii-t"),
        ("started", "freeze", ["backbone"], [], "freeze=none"),
        ("coco-t", "structure", None, 0.1, "structure=0.1"),
    ],
)  # fmt: skip
def test_any_key_that_makes_another_model_can_be_swept(
    student: str, key: str, own: Any, other: Any, name: str
) -> None:
    started = {"samples": ["coco-train"], "init": "mpii-t", "freeze": ["backbone"]}
    sweep = {"student": student, key: [own, other]}
    students = DEMO["students"] | {"started": started}
    found = config.parse(DEMO | {"students": students, "sweeps": {"a": sweep}})
    assert new_students(found) == ["started", f"{student}.{name}"]
    recipes = [found.recipe(model) for model in (student, f"{student}.{name}")]
    section, _, rest = key.partition(".")
    assert (recipes[0] != recipes[1]) == (section == "training"), rest


def test_seeds_are_those_of_the_sweep_and_of_what_is_there() -> None:
    found = swept(a={"alpha": [0.3, 0.5], "seed": [1, 2]}, b={"alpha": [0.5, 0.7], "seed": [2, 3]})
    assert found.models_of("unified-t") == ["unified-t", "unified-t@1", "unified-t@2"]
    assert found.students["unified-t.alpha=0.5"].seeds == [1, 2, 3]
    assert found.models_of("unified-t.alpha=0.7") == [
        "unified-t.alpha=0.7@2",
        "unified-t.alpha=0.7@3",
    ]
    common = config.parse(
        DEMO | {"seeds": [4, 5], "sweeps": {"a": {"student": "unified-t", "alpha": [0.5]}}}
    )
    assert common.models_of("unified-t.alpha=0.5") == [
        "unified-t.alpha=0.5@4",
        "unified-t.alpha=0.5@5",
    ]


def test_one_more_value_is_one_student_more_and_changes_no_other() -> None:
    few = Stages(Places(swept(a={"alpha": [0.3, 0.5], "columns": COLUMNS})))
    more = Stages(Places(swept(a={"alpha": [0.3, 0.4, 0.5], "columns": COLUMNS})))
    bare = Stages(Places(config.parse(DEMO)))
    outputs = [{job.output: job.key for job in stages.wanted} for stages in (bare, few, more)]
    page = "results/report/index.html"  # shows every student
    assert {path for path in outputs[0] if outputs[0][path] != outputs[1][path]} == {page}
    new = {path for path in outputs[2] if outputs[2][path] != outputs[1].get(path)}
    name = "unified-t.alpha=0.4"
    assert new == {
        f"results/models/{name}/card.json",
        *(f"results/scores/{name}/{b}.json" for b in few.config.benchmarks_of("unified-t")),
        "results/tables/sweep_a.csv",
        page,
    }


def test_a_table_has_the_students_main_numbers_unless_told() -> None:
    found = swept(
        a={"alpha": [0.3]}, b={"alpha": [0.3], "columns": COLUMNS, "by": ["mpii", "mean"]}
    )
    plain, told = found.own_tables["sweep_a"], found.own_tables["sweep_b"]
    assert list(plain.columns) == [
        "coco: AP", "coco-shared12: AP", "coco-pckh: PCKh", "mpii: PCKh", "mpii-shared12: PCKh",
        "halpe-union21: AP", "coco-cross: PCKh", "mpii-cross: PCKh", "mpii-union21: AP",
    ]  # fmt: skip
    assert plain.columns["mpii: PCKh"] == ("mpii", "mean")
    assert (plain.table().by, plain.title) == ("coco: AP", "unified-t by alpha")
    assert list(told.columns) == ["AP", "PCKh"]
    assert told.table().by == "PCKh"


def test_a_sweep_on_top_of_another_one_merges_key_by_key(tmp_path: Path) -> None:
    base = {"sweeps": {"a": {"student": "unified-t", "alpha": [0.3, 0.5], "training.lr": [0.01]}}}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(DEMO | base))
    own: dict[str, Any] = {"alpha": [0.5, 0.7], "training.lr": None, "seed": [0, 1]}
    mine = {"extends": "base.yaml", "results": "mine", "sweeps": {"a": own}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))
    places = open_experiment([tmp_path / "mine.yaml"], {})
    assert new_students(places.config) == ["unified-t.alpha=0.5", "unified-t.alpha=0.7"]
    assert places.table("sweep_a") == "mine/tables/sweep_a.csv"
    own["training.lr"] = [0.01, 0.001]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))
    shared = open_experiment([tmp_path / "mine.yaml"], {})
    model = "unified-t.alpha=0.5.training.lr=0.01"
    assert shared.model(model) == f"results/models/{model}"
    assert shared.model(f"{model}@1") == f"mine/models/{model}@1"


def test_a_swept_student_stands_wherever_a_student_may() -> None:
    name = "unified-t.alpha=0.5"
    students = DEMO["students"] | {"later": {"samples": ["coco-train"], "init": name}}
    tables = {"own": {"mine": {"rows": [name, "later"], "columns": COLUMNS}}}
    sweeps = {"a": {"student": "unified-t", "alpha": [0.5]}}
    found = config.parse(DEMO | {"students": students, "tables": tables, "sweeps": sweeps})
    assert found.init_model("later") == name
    assert "sweep_a" in found.filled_tables
    assert "mine" in found.filled_tables


def test_the_sweep_that_is_shipped_shares_the_demos_own_run() -> None:
    places = open_experiment([ROOT / "configs" / "sweep.yaml"], {})
    assert places.model("unified-t") == "results/models/unified-t"
    assert places.model("unified-t@1") == "results/sweep/models/unified-t@1"
    assert len(rows(places.config, "sweep_alpha")) == 5
    assert len(places.config.models_of("unified-t.alpha=0.7")) == 3


CASES: list[tuple[dict[str, Any], int, str]] = [
    # what a sweep says, the line, the problem
    ({"student": "nobody", "alpha": [1]}, 3, "sweeps.a.student: unknown name 'nobody'"),
    ({"student": "unified-t"}, 2, "sweeps.a: no key is swept, expected alpha, beta.TEACHER, se"),
    ({"alpha": [1]}, 2, "sweeps.a.student: this key is missing"),
    ({"student": "unified-t", "alpha": 0.5}, 4, "sweeps.a.alpha: input should be a valid list"),
    ({"student": "unified-t", "alpha": []}, 4, "sweeps.a.alpha: list should have at least 1 item"),
    ({"student": "unified-t", "alpha": [0.5, 0.50]}, 4, "sweeps.a.alpha: 0.5 is listed twice"),
    ({"student": "unified-t", "seed": [1]}, 2, "sweeps.a: no key is swept"),
    ({"student": "unified-t", "alpha": [1], "seed": [-1]}, 7, "sweeps.a.seed.0: input should be g"),
    ({"student": "unified-t", "gamma": [1]}, 4, "sweeps.a.gamma: unknown key, expected alpha, be"),
    ({"student": "unified-t", "distil.alpha": [1]}, 4, "a.distil.alpha: this is called alpha here"),
    ({"student": "unified-t", "distil.teachers.x": [1]}, 4, "teachers.x: this is called beta.x he"),
    ({"student": "unified-t", "gpus": [1, 2]}, 4, "sweeps.a.gpus: unknown key, expected alpha"),
    ({"student": "unified-t", "training.seed": [1]}, 4, "sweeps.a.training.seed: unknown key, ex"),
    ({"student": "unified-t", "alpha": [0.5, 1.5]}, 6,
     "sweeps.a.alpha.1: distil.alpha: input should be less than or equal to 1, got 1.5"),
    ({"student": "unified-t", "alpha": ["0.5"]}, 5, "alpha.0: distil.alpha: input should be a v"),
    ({"student": "unified-t", "training.lrr": [1]}, 5, "training.lrr.0: lrr: unknown key"),
    ({"student": "unified-t", "distil.x": [1]}, 5, "sweeps.a.distil.x.0: distil.x: unknown key"),
    ({"student": "unified-t", "alpha.x": [1]}, 5, "sweeps.a.alpha.x.0: distil.alpha: input should"),
    ({"student": "coco-t", "alpha": [1]}, 5, "alpha.0: distil: `teachers` is missing, and"),
    ({"student": "unified-t", "beta.nobody": [1]}, 5,
     "students.unified-t.beta.nobody=1.distil.teachers: unknown name 'nobody'"),
    ({"student": "coco-t", "samples": [["mpii-val"]]}, 5,
     "students.coco-t.samples=mpii-val.samples: samples.mpii-val stores no crops"),
    ({"student": "unified-t", "distil.mode": ["authors-code"]}, 5,
     "students.unified-t.distil.mode=authors-code.distil.confidence: authors-code has its own"),
    ({"student": "coco-t", "init": ["a/b.pth"]}, 5,
     "sweeps.a.init.0: 'a/b.pth' cannot stand in a model's name"),
    ({"student": "coco-t", "distil": [{"alpha": 1}]}, 5,
     "sweeps.a.distil.0: {'alpha': 1} cannot stand in a model's name"),
    ({"student": "unified-t", "alpha": [1], "columns": {"AP": ["x", "AP"]}}, 7,
     "sweeps.a.columns.AP: unknown name 'x'"),
    ({"student": "unified-t", "alpha": [1], "columns": {"AP": ["mpii", "AP"]}}, 7,
     "sweeps.a.columns.AP: unknown name 'AP', expected one of head"),
    ({"student": "unified-t", "alpha": [1], "columns": {"best": ["coco", "AP"]}}, 6,
     "sweeps.a.columns: 'best' is the heading of another column"),
    ({"student": "unified-t", "alpha": [1], "columns": {"alpha": ["coco", "AP"]}}, 7,
     "sweeps.a.columns.alpha: a swept key is called so too"),
    ({"student": "unified-t", "alpha": [1], "by": ["coco", "AR"]}, 6,
     "sweeps.a.by: expected a column's ['coco', 'AP'], ['coco-shared12', 'AP']"),
]  # fmt: skip


@pytest.mark.parametrize(("sweep", "line", "expected"), CASES, ids=[case[2] for case in CASES])
def test_each_mistake_is_one_line_with_its_place(
    tmp_path: Path, sweep: dict[str, Any], line: int, expected: str
) -> None:
    path = tmp_path / "mine.yaml"
    text = yaml.safe_dump({"sweeps": {"a": sweep}}, sort_keys=False)
    path.write_text(text + yaml.safe_dump(DEMO, sort_keys=False))
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        open_experiment([path], {})
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert expected in str(caught.value)


def test_a_mistake_of_the_student_itself_is_told_there() -> None:
    record = DEMO | {"sweeps": {"a": {"student": "coco-t", "training.lr": [0.1]}}}
    record["students"] = DEMO["students"] | {"coco-t": {"samples": ["x"], "training": {"y": 1}}}
    with pytest.raises(ValueError, match=r"students\.coco-t\.training\.y: unknown key"):
        config.parse(record)
    record["students"]["coco-t"]["training"] = {}
    with pytest.raises(ValueError, match=r"config: students\.coco-t\.samples: unknown name 'x'"):
        config.parse(record)


def test_names_that_stand_there_already_are_refused() -> None:
    sweeps = {"a": {"student": "coco-t", "training.lr": [0.1]}}
    taken = {"students": DEMO["students"] | {"coco-t.training.lr=0.1": {"samples": ["coco-train"]}}}
    with pytest.raises(ValueError, match=r"sweeps\.a: students\.coco-t\.training\.lr=0\.1 stands"):
        config.parse(DEMO | taken | {"sweeps": sweeps})
    own = {"own": {"sweep_a": {"rows": ["coco-t"], "columns": COLUMNS}}}
    with pytest.raises(ValueError, match=r"sweeps\.a: tables\.own\.sweep_a has the name of its"):
        config.parse(DEMO | {"tables": own, "sweeps": sweeps})


def test_a_student_that_is_scored_on_nothing_needs_columns() -> None:
    students = DEMO["students"] | {"coco-t": DEMO["students"]["coco-t"] | {"benchmarks": []}}
    sweep = {"student": "coco-t", "training.lr": [0.1]}
    with pytest.raises(ValueError, match=r"sweeps\.a\.student: coco-t is scored on no benchmark"):
        config.parse(DEMO | {"students": students, "sweeps": {"a": sweep}})
    told = config.parse(
        DEMO | {"students": students, "sweeps": {"a": sweep | {"columns": COLUMNS}}}
    )
    assert list(told.own_tables["sweep_a"].columns) == ["AP", "PCKh"]
