"""Models beside the students: which tables they stand in, and what is made for them."""

from pathlib import Path
from typing import Any

import pytest

from demo_config import DEMO, changed
from posecache import config, skeletons
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.config.things import Thing

RIVAL = {"weights": "rival.onnx", "input_size": [64, 96]}
CROSS = ["coco-cross", "mpii-cross", "halpe-union21", "mpii-union21"]


def with_rival(benchmarks: list[str], skeleton: str = "halpe26", **sections: Any) -> Stages:
    record = changed("teachers.rival", RIVAL | {"skeleton": skeleton}) | sections
    record["tables"]["rivals"] = {"rival": benchmarks}
    return Stages(Places(config.parse(record)))


@pytest.mark.parametrize(
    ("benchmarks", "tables"),
    [
        (["mpii"], set()),
        (["halpe-union21", "coco"], {"table5"}),
        (CROSS[:2], set()),
        (CROSS, {"table5", "cross"}),
    ],
)
def test_a_rival_stands_where_it_is_scored_on_all(benchmarks: list[str], tables: set[str]) -> None:
    found = with_rival(benchmarks)
    rows = {
        name: [row for row in table.rows if row.model == "rival"]
        for name, table in found.config.filled_tables.items()
    }
    assert {name for name, own in rows.items() if own} == tables
    for name, table in found.config.filled_tables.items():
        options = found.make_table(name)
        assert ("--rivals" in options) == (name in tables)
        assert table.keypoints == (name in tables or name == "table1")
    scores = {f"results/scores/rival/{name}.json" for name in benchmarks}
    assert scores <= set(found.everything)
    assert set(benchmarks) == {b for m, b in found.things.scores if m == "rival"}


def test_rows_come_last_and_are_compared_with_each_other() -> None:
    *students, row = with_rival(CROSS).config.filled_tables["cross"].rows
    assert row.labels == ("rival", "–")
    assert row.benchmarks == students[0].benchmarks
    assert row.group not in {student.group for student in students}


def test_a_table_is_the_same_thing_as_before_unless_a_rival_stands_in_it() -> None:
    found, before = with_rival(["halpe-union21"]), Stages(Places(config.parse(DEMO)))
    same = {name for name in before.things.tables if of(found, name) == of(before, name)}
    assert set(before.things.tables) - same == {"table5"}


def of(stages: Stages, table: str) -> Thing:
    return stages.things.find("table", table)


def test_rivals_suffice_for_a_table() -> None:
    found = with_rival(["halpe-union21"], students={}, tables={})
    (row,) = found.config.filled_tables["table5"].rows
    assert (row.labels, row.model) == (("rival",), "rival")
    assert found.make_table("table5")[-2:] == ["--rivals", "rival"]


def test_what_is_derived_is_part_of_a_score(tmp_path: Path) -> None:
    path = tmp_path / "body.yaml"
    lines = "keypoints: [left_hip, right_hip, nose]\nsigmas: [0.1, 0.1, 0.1]\nlinks: []\n"

    def score(benchmark: str, skeleton: str) -> Thing:
        path.write_text(skeleton)
        skeletons.load.cache_clear()
        return with_rival([benchmark], str(path)).things.find("score", "rival", benchmark)

    derived = lines + "derived: {pelvis: [left_hip, right_hip]}\n"
    assert score("mpii", lines) != score("mpii", derived)
    assert score("coco", lines) == score("coco", derived)  # which counts no pelvis
    skeletons.load.cache_clear()


def test_none_is_called_as_a_published_row() -> None:
    record = changed("teachers.tiny", RIVAL | {"skeleton": "halpe26"})
    record["tables"]["rivals"] = {"tiny": ["mpii"]}
    with pytest.raises(ValueError, match=r"tables\.rivals: 'tiny' is what a row of the published"):
        config.parse(record)
