"""Several training runs of a student: their names, their recipes, and what they share."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from demo_config import DEMO, ROOT, changed
from posecache import config
from posecache.config.places import Places, open_experiment
from posecache.config.stages import Stages


def parsed(**sections: Any) -> config.Config:
    return config.parse(DEMO | sections)


def with_student(name: str, **entry: Any) -> dict[str, Any]:
    """The demo's students with keys of one of them changed."""
    students: dict[str, Any] = DEMO["students"]
    return students | {name: students[name] | entry}


def test_the_run_with_the_recipes_own_seed_has_the_students_name() -> None:
    found = parsed(students=with_student("coco-t", seeds=[2, 0, 1]))
    assert found.models_of("coco-t") == ["coco-t@2", "coco-t", "coco-t@1"]
    assert [found.recipe(model).seed for model in found.models_of("coco-t")] == [2, 0, 1]
    own = DEMO["students"]["coco-t"]["training"] | {"seed": 2}
    other = parsed(students=with_student("coco-t", training=own, seeds=[2, 0]))
    assert other.models_of("coco-t") == ["coco-t", "coco-t@0"]
    assert found.models_of("unified-t") == ["unified-t"]
    assert found.models_of("teacher-coco") == ["teacher-coco"]


def test_common_seeds_are_those_of_students_that_name_none() -> None:
    found = parsed(seeds=[0, 7], students=with_student("coco-t", seeds=[0]))
    assert len(found.runs) == 2 * len(DEMO["students"]) - 1
    assert found.models_of("unified-s") == ["unified-s", "unified-s@7"]
    assert found.models_of("coco-t") == ["coco-t"]
    assert found.models_of("teacher-coco") == ["teacher-coco"]


def test_runs_differ_in_their_seed_alone() -> None:
    found = parsed(seeds=[0, 7])
    first, second = found.recipe("unified-t"), found.recipe("unified-t@7")
    assert first == config.parse(DEMO).recipe("unified-t")
    assert second == first.model_copy(update={"seed": 7})
    stages = Stages(Places(found))
    own, other = stages.train_student("unified-t"), stages.train_student("unified-t@7")
    assert other == [part.replace("unified-t", "unified-t@7") for part in own] + ["--seed", "7"]
    assert "results/models/unified-t@7/card.json" in stages.everything
    assert "results/scores/unified-t@7/mpii.json" in stages.everything


def test_a_run_starts_from_the_run_of_its_seed_else_from_the_first() -> None:
    students = with_student("coco-s", init="coco-t", seeds=[0, 1, 2])
    students["coco-t"] = DEMO["students"]["coco-t"] | {"seeds": [3, 1]}
    found = parsed(students=students)
    assert [found.init_model(model) for model in ("coco-s", "coco-s@1", "coco-s@2")] == [
        "coco-t@3",
        "coco-t@1",
        "coco-t@3",
    ]
    assert Places(found).init("coco-s@1") == "results/models/coco-t@1/weights.pt"
    teacher = parsed(students=with_student("coco-s", init="teacher-coco", seeds=[4]))
    assert teacher.init_model("coco-s@4") == "teacher-coco"


def test_a_table_is_made_from_every_run() -> None:
    stages = Stages(Places(parsed(seeds=[0, 1])))
    scores = [job.output for job in stages.job("table", "table2").upstream]
    assert len(scores) == 16
    assert "results/scores/combined-s@1/coco.json" in scores
    options = stages.make_table("table2")
    assert {"results/scores/unified-t@1/mpii.json", "tiny.unified=unified-t"} <= set(options)


def test_an_experiment_of_more_seeds_shares_the_run_that_the_other_has(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(DEMO))
    given = {"extends": str(tmp_path / "config.yaml"), "results": "more", "seeds": [0, 1]}
    places = open_experiment([], given)
    assert places.model("unified-t") == "results/models/unified-t"
    assert places.score("unified-t", "coco") == "results/scores/unified-t/coco.json"
    assert places.model("unified-t@1") == "more/models/unified-t@1"
    assert places.score("unified-t@1", "coco") == "more/scores/unified-t@1/coco.json"
    assert places.logits("teacher-coco", "mpii-train") == "results/logits/teacher-coco/mpii-train"


def test_what_a_run_is_made_from_does_not_depend_on_the_others() -> None:
    alone, beside = Stages(Places(parsed())), Stages(Places(parsed(seeds=[0, 1])))
    more = Stages(Places(parsed(seeds=[1, 2, 0])))
    assert alone.job("model", "unified-t").key == beside.job("model", "unified-t").key
    assert beside.job("model", "unified-t@1").key == more.job("model", "unified-t@1").key
    keys = {more.job("model", model).key for model in more.config.models_of("unified-t")}
    assert len(keys) == 3
    assert beside.job("table", "table2").key != more.job("table", "table2").key


def test_the_demo_with_three_seeds_shares_what_the_demo_makes() -> None:
    places = open_experiment([ROOT / "configs" / "demo-seeds.yaml"], {})
    assert len(places.config.runs) == 3 * len(places.config.students)
    assert places.model("unified-s") == "results/models/unified-s"
    assert places.model("unified-s@2") == "results/seeds/models/unified-s@2"
    assert places.model("teacher-mpii") == "results/models/teacher-mpii"
    assert places.table("table1") == "results/seeds/tables/table1.csv"


@pytest.mark.parametrize(
    ("seeds", "problem"),
    [
        ([], "list should have at least 1 item after validation, not 0"),
        ([1, 2, 1], "1 is listed twice"),
        ([-1], "input should be greater than or equal to 0"),
        (3, "input should be a valid list"),
    ],
)
def test_wrong_seeds_are_refused(seeds: Any, problem: str) -> None:
    for key in ("seeds", "students.coco-t.seeds"):
        with pytest.raises(ValueError, match=rf"{key}.*: {problem}"):
            config.parse(changed(key, seeds))


def test_a_mistake_in_a_run_is_told_under_the_students_key() -> None:
    record = changed("seeds", [0, 1])
    record["students"]["coco-t"]["distil"] = {"alpha": 1, "teachers": {"nobody": 1}}
    with pytest.raises(ValueError, match=r"students\.coco-t\.distil\.teachers: unknown name"):
        config.parse(record)
