"""What the published tables hold, and which of our models fill them."""

from pathlib import Path

import pandas as pd
import pytest

from posecache.tables.specs import PARTS, PUBLISHED, SIZES, TABLES, cast

TINY = {part: f"model-{part}" for part in PARTS if part.startswith("tiny")}


def test_a_table_needs_all_its_parts() -> None:
    assert cast("table2", {"tiny.unified": "u"}) is None
    assert cast("table2", TINY | {"small.unified": "u"}) is None
    assert cast("report_table5", TINY) is None
    assert cast("table1", {}) is None


def test_a_size_that_is_left_out_has_no_rows() -> None:
    table = cast("table2", TINY)
    assert table is not None
    assert [row.labels for row in table.rows] == [("tiny", "no"), ("tiny", "yes")]
    assert table.scores == [
        (model, benchmark)
        for model in ("model-tiny.combined", "model-tiny.unified")
        for benchmark in ("mpii", "coco")
    ]
    assert table.columns == TABLES["table2"].columns


def test_rows_that_nobody_published_may_stay_empty() -> None:
    table = cast("table5", {"tiny.unified": "u"})
    assert table is not None
    assert [row.labels for row in table.rows] == [("tiny",)]
    both = cast("table5", {"tiny.unified": "u", "tiny.combined": "c"})
    assert both is not None
    assert [(row.labels, row.model) for row in both.rows] == [
        (("tiny",), "u"),
        (("tiny without teachers",), "c"),
    ]


def test_a_score_that_two_rows_share_is_asked_for_once() -> None:
    table = cast("table1", TINY)
    assert table is not None
    wanted = [score for score in table.scores if score[0] == "model-tiny.mpii"]
    assert wanted == [("model-tiny.mpii", b) for b in ("mpii", "coco", "coco-shared12")]


@pytest.mark.parametrize("name", TABLES)
def test_a_model_in_every_part_fills_every_table(name: str) -> None:
    table = cast(name, {part: part for part in PARTS})
    assert table == TABLES[name]


def test_parts_are_students_by_size_and_teachers_by_set() -> None:
    assert {part.partition(".")[0] for part in PARTS} == {*SIZES, "I", "II"}
    assert len(PARTS) == len(set(PARTS))


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.csv")), ids=lambda p: p.stem)
def test_published_numbers_are_the_papers_and_the_reports(shared: Path, path: Path) -> None:
    """The report gives some numbers as fractions of 1; ours are all in 0-100."""
    ours = pd.read_csv(path)
    theirs = pd.read_csv(shared / "reference" / "published" / path.name)
    numbers = [c for c in theirs.columns if c.startswith(("coco_", "mpii_"))]
    if path.stem.startswith("report"):
        theirs[numbers] = theirs[numbers].map(lambda v: v * 100 if v <= 1 else v)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


def test_every_published_file_is_a_tables() -> None:
    named = {table.published for table in TABLES.values() if table.published}
    assert named == set(PUBLISHED.glob("*.csv"))
