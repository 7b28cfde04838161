"""A user's own table: any models, any numbers, with and without published ones."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from posecache.tables.making import make
from posecache.tables.markdown import as_markdown
from posecache.tables.settings import OwnTable

COLUMNS = {"AP": ["coco", "AP"], "AP (L)": ["coco", "APL"], "PCKh": ["mpii", "mean"]}


def score(model: str, benchmark: str, **metrics: float) -> dict[str, Any]:
    protocol = {"boxes": "gt", "flip": True, "n": 5, "samples": benchmark}
    return {"model": model, "benchmark": benchmark, "metrics": metrics, "protocol": protocol}


SCORES = {
    ("big", "coco"): score("big", "coco", AP=71.234, APL=75.0),
    ("big", "mpii"): score("big", "mpii", mean=88.0),
    ("fast-2", "coco"): score("fast-2", "coco", AP=60.0),  # no large people
    ("fast-2", "mpii"): score("fast-2", "mpii", mean=80.5),
}


def own_table(folder: Path, content: str) -> OwnTable:
    """Two labelled models beside a published CSV."""
    (folder / "theirs.csv").write_text(content)
    return OwnTable(
        title="Ours",
        rows={"Large": "big", "Fast": "fast-2"},
        columns=COLUMNS,
        published=str(folder / "theirs.csv"),
    )


def test_a_list_of_models_is_labelled_by_their_names() -> None:
    listed = OwnTable(rows=["big", "fast-2"], columns=COLUMNS)
    assert listed == OwnTable(rows={"big": "big", "fast-2": "fast-2"}, columns=COLUMNS)
    table = listed.table()
    assert [(row.labels, row.model) for row in table.rows] == [
        (("big",), "big"),
        (("fast-2",), "fast-2"),
    ]
    assert table.scores == list(SCORES)
    assert table.published is None


def test_without_published_numbers_there_are_ours_alone() -> None:
    table = OwnTable(rows=["big", "fast-2"], columns=COLUMNS).table()
    frame = make("mine", table, SCORES)
    assert list(frame) == ["model", "ours", "AP", "AP (L)", "PCKh"]
    assert frame["AP"].tolist() == [71.23, 60.0]
    assert frame["PCKh"].tolist() == [88.0, 80.5]
    assert frame["AP (L)"].isna().tolist() == [False, True]
    assert as_markdown(table, frame) == (
        "| model | ours | AP | AP (L) | PCKh |\n"
        "|---|---|---|---|---|\n"
        "| big | big | 71.23 | 75.00 | 88.00 |\n"
        "| fast-2 | fast-2 | 60.00 | – | 80.50 |\n"
    )


def test_labels_stand_for_models() -> None:
    table = OwnTable(title="Mine", rows={"Fast*": "fast-2"}, columns={"x": ["mpii", "mean"]})
    frame = make("mine", table.table(), SCORES)
    assert frame.to_dict("records") == [{"model": "Fast*", "ours": "fast-2", "x": 80.5}]
    assert as_markdown(table.table(), frame) == (
        "Mine.\n\n| model | ours | x |\n|---|---|---|\n| Fast\\* | fast-2 | 80.50 |\n"
    )


def test_published_numbers_stand_in_parentheses(tmp_path: Path) -> None:
    table = own_table(tmp_path, "model,AP,PCKh\nLarge,70.5,\nOther,1,2\n").table()
    frame = make("mine", table, SCORES)
    first = frame.iloc[0]
    assert (first["published_AP"], first["difference_AP"]) == (70.5, 0.73)
    assert frame["published_PCKh"].isna().all()
    assert frame["published_AP (L)"].isna().all()  # the file has no such column
    assert as_markdown(table, frame) == (
        "Ours. Ours, and the published number in parentheses.\n\n"
        "| model | ours | AP | AP (L) | PCKh |\n"
        "|---|---|---|---|---|\n"
        "| Large | big | 71.23 (70.50) | 75.00 (–) | 88.00 (–) |\n"
        "| Fast | fast-2 | 60.00 (–) | – (–) | 80.50 (–) |\n"
    )


def test_labels_that_look_like_numbers_are_found(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("model,AP\n050,61.5\n")
    table = OwnTable(
        rows={"050": "fast-2"},
        columns={"AP": ["coco", "AP"]},
        published=str(tmp_path / "theirs.csv"),
    )
    assert make("mine", table.table(), SCORES)["published_AP"].tolist() == [61.5]


def test_a_missing_published_file_is_named(tmp_path: Path) -> None:
    table = own_table(tmp_path, "").table()
    (tmp_path / "theirs.csv").unlink()
    with pytest.raises(ValueError, match=r"theirs\.csv: no such file"):
        make("mine", table, SCORES)


def test_a_published_file_without_the_labels_is_named(tmp_path: Path) -> None:
    table = own_table(tmp_path, "name,AP\nLarge,70.5\n").table()
    with pytest.raises(ValueError, match=r"theirs\.csv: has no column 'model'"):
        make("mine", table, SCORES)


def test_a_missing_score_is_named() -> None:
    table = OwnTable(rows=["small"], columns=COLUMNS).table()
    with pytest.raises(ValueError, match="mine: no score of small on coco is given"):
        make("mine", table, SCORES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, r"rows\n  Dictionary should have at least 1 item"),
        ({"columns": {}}, r"columns\n  Dictionary should have at least 1 item"),
        ({"columns": {"AP": ["coco"]}}, r"columns\.AP\.1\n  Field required"),
        ({"rows": ["a/b"]}, r"rows\.a/b\n  String should match pattern"),
        ({"row": ["big"]}, r"row\n  Extra inputs are not permitted"),
    ],
)
def test_a_wrong_entry_is_refused(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"rows": ["big"], "columns": COLUMNS}
    with pytest.raises(ValidationError, match=message):
        OwnTable.model_validate(given | change)


def test_a_heading_that_is_another_columns_is_refused() -> None:
    with pytest.raises(ValidationError, match="'ours' is the heading of another column"):
        OwnTable.model_validate({"rows": ["a"], "columns": {"ours": ["b", "AP"]}})


def test_an_empty_published_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.csv").touch()
    own = OwnTable(rows={"a": "m"}, columns={"AP": ("b", "AP")}, published=str(tmp_path / "p.csv"))
    score = {"metrics": {"AP": 1.0}, "protocol": {}, "num_keypoints": 17}
    with pytest.raises(ValueError, match=r"p\.csv: no CSV"):
        make("own", own.table(), {("m", "b"): score})


def test_a_label_may_be_called_none(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("model,AP\nNone,7\n")
    own = OwnTable(
        rows={"None": "m"}, columns={"AP": ("b", "AP")}, published=str(tmp_path / "p.csv")
    )
    score = {"metrics": {"AP": 1.0}, "protocol": {}, "num_keypoints": 17}
    frame = make("own", own.table(), {("m", "b"): score})
    assert frame["published_AP"].tolist() == [7.0]
