"""Tables of students with several training runs: means, spreads, and what is printed bold."""

from typing import Any

import pytest

from posecache.tables.making import make
from posecache.tables.markdown import as_markdown
from posecache.tables.settings import OwnTable
from posecache.tables.specs import cast
from posecache.tables.table import Table

Scores = dict[tuple[str, str], dict[str, Any]]


def scores(benchmark: str, metric: str, **values: list[float]) -> Scores:
    """One score a seed of each student; `n` stands for all that a protocol says."""
    return {
        (model, benchmark): {
            "model": model,
            "benchmark": benchmark,
            "num_keypoints": 21,
            "metrics": {metric: value},
            "protocol": {"n": 5},
        }
        for student, each in values.items()
        for model, value in zip([student, f"{student}@1", f"{student}@2"], each, strict=False)
    }


def own_table(*students: str) -> Table:
    return OwnTable(rows=list(students), columns={"AP": ["coco", "AP"]}).table()


def test_numbers_are_means_with_sample_standard_deviations() -> None:
    given = scores("coco", "AP", a=[50.0, 54.0, 58.0], b=[40.0])
    table = own_table("a", "b")
    frame = make("mine", table, given)
    assert list(frame) == ["model", "ours", "AP", "AP_sd", "seeds"]
    assert frame.loc[0].tolist() == ["a", "a", 54.0, 4.0, 3]
    assert frame.loc[1, "AP"] == 40.0
    assert frame["AP_sd"].isna().tolist() == [False, True]
    assert frame["seeds"].tolist() == [3, 1]
    lines = as_markdown(table, frame).splitlines()
    assert lines[0].startswith("Mean ± standard deviation over up to 3 seeds")
    assert lines[-2:] == ["| a | a | 54.0 ± 4.0 |", "| b | b | 40.00 |"]


@pytest.mark.parametrize(
    ("other", "bold"),
    [
        ([45.0, 51.0], True),  # 5 below, and 3 * sqrt(2) is the spread of each: 6 together
        ([43.0, 49.0], True),
        ([46.0, 52.0], False),
        ([47.0], False),  # of one run no spread is known
    ],
)
def test_bold_is_what_leads_by_more_than_both_spreads_together(
    other: list[float], bold: bool
) -> None:
    """Both students' values lie 6 apart: each spread is 4.24, the two together are 6."""
    given = scores("coco", "AP", a=[51.5, 57.5], b=other)
    table = own_table("a", "b")
    text = as_markdown(table, make("mine", table, given))
    assert ("**54.5 ± 4.2**" in text) == bold
    assert text.count("**") == 2 * bold


def test_students_of_one_size_on_one_benchmark_are_compared() -> None:
    models = {f"{size}.{role}": f"{role}-{size}" for size in ("tiny", "small")
              for role in ("combined", "unified")}  # fmt: skip
    table = cast("table2", models)
    assert table is not None
    values = {"combined-tiny": [10.0, 11.0], "unified-tiny": [20.0, 21.0],
              "combined-small": [40.0, 41.0], "unified-small": [30.0, 31.0]}  # fmt: skip
    given = scores("mpii", "mean", **values) | scores("coco", "AP", **values)
    frame = make("table2", table, given)
    # Avg is taken of each run: its spread is not made of the two columns'.
    assert (frame.loc[1, "average"], frame.loc[1, "average_sd"]) == (20.5, 0.71)
    assert frame.loc[1, "difference_average"] == pytest.approx(20.5 - 70.89)
    title, *_, one, two, three, four = as_markdown(table, frame).splitlines()
    assert "standard deviation over 2 seeds; bold" in title
    lines = [one, two, three, four]
    assert [line.count("**") for line in lines] == [0, 6, 6, 0]
    assert "| **20.5 ± 0.7** (79.75) |" in lines[1]


def test_rows_on_other_keypoints_are_not_compared() -> None:
    models = {"tiny.mpii": "m", "tiny.coco": "c", "tiny.unified": "u"}
    table = cast("table1", models)
    assert table is not None
    given: Scores = {}
    for benchmark, metric in (("mpii", "mean"), ("mpii-shared12", "mean"), ("coco", "AP"),
                              ("coco-shared12", "AP")):  # fmt: skip
        given |= scores(benchmark, metric, m=[50.0, 51.0], c=[90.0, 91.0], u=[60.0, 61.0])
    lines = as_markdown(table, make("table1", table, given)).splitlines()[-4:]
    # `c` is above `u` on all of COCO, on which `m` too is scored; on MPII only on 12 keypoints.
    assert [line.count("**") // 2 for line in lines] == [0, 0, 1, 2]
    assert "**60.5 ± 0.7** (79.75)" in lines[3]


def test_a_run_without_a_score_is_named() -> None:
    given = scores("coco", "AP", a=[1.0, 2.0]) | scores("mpii", "mean", a=[1.0])
    table = OwnTable(rows=["a"], columns={"x": ["coco", "AP"], "y": ["mpii", "mean"]}).table()
    with pytest.raises(ValueError, match="mine: no score of a@1 on mpii is given"):
        make("mine", table, given)


def test_runs_of_other_protocols_are_not_mixed() -> None:
    given = scores("coco", "AP", a=[1.0, 2.0])
    given["a@1", "coco"]["protocol"] = {"n": 6}
    with pytest.raises(ValueError, match="mix protocols: a on coco has n 5, a@1 on coco has 6"):
        make("mine", own_table("a"), given)
