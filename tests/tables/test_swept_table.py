"""The table of a sweep: a column for each swept key, and the best row marked."""

from typing import Any

import pytest

from posecache.tables.making import make
from posecache.tables.markdown import as_markdown
from posecache.tables.sweeps import SweptTable


def scores(**values: list[float]) -> dict[tuple[str, str], dict[str, Any]]:
    """The AP and AR (half of AP) of each student, one a seed."""
    return {
        (model, "coco"): {"model": model, "benchmark": "coco", "protocol": {},
                          "metrics": {"AP": value, "AR": value / 2}}
        for student, each in values.items()
        for model, value in zip([student, f"{student}@1"], each, strict=False)
    }  # fmt: skip


def swept(by: str, *students: str) -> SweptTable:
    return SweptTable(
        title="Mine",
        keys=["alpha", "beta.t"],
        rows={student: ["0.5", str(place)] for place, student in enumerate(students)},
        columns={"AP": ["coco", "AP"], "AR": ["coco", "AR"]},  # type: ignore[dict-item]
        by=by,
    )


def test_the_highest_mean_is_the_best() -> None:
    table = swept("AP", "a", "b").table()
    frame = make("mine", table, scores(a=[50, 60], b=[57, 57]))
    assert list(frame) == [
        "alpha", "beta.t", "ours", "AP", "AR", "AP_sd", "AR_sd", "seeds", "best"
    ]  # fmt: skip
    assert frame["AP"].tolist() == [55.0, 57.0]
    assert frame["AP_sd"].tolist() == [7.07, 0.0]  # 10 / sqrt(2)
    assert frame["best"].tolist() == [False, True]
    lines = as_markdown(table, frame).splitlines()
    assert lines[0].startswith("Mine. Mean ± standard deviation over 2 seeds; bold: ")
    assert lines[0].endswith(" ★: the best by AP.")
    assert lines[2:] == [
        "| alpha | beta.t | ours | AP | AR |",
        "|---|---|---|---|---|",
        "| 0.5 | 0 | a | 55.0 ± 7.1 | 27.5 ± 3.5 |",
        "| 0.5 | 1 | b | 57.0 ± 0.0 ★ | 28.5 ± 0.0 |",
    ]


def test_any_column_may_decide() -> None:
    given = scores(a=[50], b=[57])
    given["b", "coco"]["metrics"]["AR"] = 20.0
    table = swept("AR", "a", "b").table()
    frame = make("mine", table, given)
    assert frame["best"].tolist() == [True, False]
    assert as_markdown(table, frame).splitlines()[-2:] == [
        "| 0.5 | 0 | a | 50.00 | 25.00 ★ |",
        "| 0.5 | 1 | b | 57.00 | 20.00 |",
    ]


@pytest.mark.parametrize(
    ("second", "best"), [([57.0], [False, True, True]), ([float("nan")], [False, False, True])]
)
def test_equals_are_both_the_best_and_a_missing_number_never_is(
    second: list[float], best: list[bool]
) -> None:
    frame = make("mine", swept("AP", "a", "b", "c").table(), scores(a=[50], b=second, c=[57]))
    assert frame["best"].tolist() == best
