"""A table as it is printed."""

from collections.abc import Iterable, Mapping, Sequence
from math import hypot, nan
from typing import Any

import pandas as pd

from posecache.tables.making import Scores
from posecache.tables.specs import SHARED
from posecache.tables.table import BEST, OURS, SEEDS, Row, Table, spread_of

Record = Mapping[Any, Any]  # a row's numbers by column


def as_markdown(table: Table, frame: pd.DataFrame) -> str:
    """A table as it is printed: the published number in parentheses after ours.

    Means over several training runs have their standard deviation beside them; those that `leads`
    finds are bold. Numbers of starred rows over the 12 shared keypoints are in italics. The best
    number of a sweep has a star.
    """
    headings = [*table.labels, OURS, *(column.heading for column in table.columns)]
    headings += ["Kpts"] if table.keypoints else []
    headings += ["Avg"] if table.averaged else []
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    records = frame.to_dict("records")
    for place, record in enumerate(records):
        lines.append("| " + " | ".join(_cells(table, records, place, record)) + " |")
    told = _told(table, frame)
    return (f"{told}\n\n" if told else "") + _joined(lines)


def _told(table: Table, frame: pd.DataFrame) -> str:
    """What stands above the table."""
    parts = [f"{table.title}."] if table.title else []
    if SEEDS in frame:
        most = f"{'' if frame[SEEDS].nunique() == 1 else 'up to '}{frame[SEEDS].max()}"
        parts.append(
            f"Mean ± standard deviation over {most} seeds; bold: above all that it is compared "
            "with by more than the root of their squared deviations' sum."
        )
    if table.published is not None:
        parts.append("Ours, and the published number in parentheses.")
    if table.by is not None:
        parts.append(f"★: the best by {table.by}.")
    return " ".join(parts)


def _cells(table: Table, records: Sequence[Record], place: int, record: Record) -> list[str]:
    row = table.rows[place]
    shared = {d for d, b in row.benchmarks.items() if b == SHARED.get(d)}

    def cell(name: str, datasets: Sequence[str]) -> str:
        italic = "*" if len(datasets) == 1 and datasets[0] in shared else ""
        bold = "**" if leads(table.rows, records, place, name, datasets) else ""
        theirs = f"published_{name}"
        published = f" ({_shown(record[theirs])})" if theirs in record else ""
        star = " ★" if name == table.by and record[BEST] else ""
        return f"{bold}{italic}{_number(record, name)}{italic}{bold}{star}{published}"

    cells = [label.replace("*", r"\*") for label in (*row.labels, row.model)]
    cells += [cell(column.name, [column.dataset]) for column in table.columns]
    cells += [str(record["keypoints"])] if table.keypoints else []
    return cells + ([cell("average", list(row.benchmarks))] if table.averaged else [])


def leads(
    rows: Sequence[Row], records: Sequence[Record], place: int, name: str, datasets: Sequence[str]
) -> bool:
    """Whether a row's mean is above those of all other models that it is compared with, each time
    by more than the combined standard deviation of the two, the root of the sum of their squares.

    It is compared with rows of its group that have the same benchmarks on `datasets`. One training
    run has no standard deviation: where it takes part, nothing leads.
    """
    own = rows[place]
    rivals = [
        record
        for row, record in zip(rows, records, strict=True)
        if (row.group, *map(row.benchmarks.get, datasets))
        == (own.group, *map(own.benchmarks.get, datasets))
        and row.model != own.model
    ]
    spread = spread_of(name)
    return bool(rivals) and all(
        records[place][name] - rival[name]
        > hypot(records[place].get(spread, nan), rival.get(spread, nan))
        for rival in rivals
    )


def _number(record: Record, name: str) -> str:
    """A mean, rounded to what its spread leaves to be said, and the spread; or a single number."""
    spread = record.get(spread_of(name), nan)
    return _shown(record[name]) if pd.isna(spread) else f"{record[name]:.1f} ± {spread:.1f}"


def _shown(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def teachers_markdown(scores: Scores, teachers: Mapping[str, list[str]]) -> str:
    """Each teacher on benchmarks of its own dataset."""
    lines = ["| Teacher | Benchmark | Keypoints | Scores |", "|---|---|---|---|"]
    for teacher, benchmarks in teachers.items():
        for benchmark in benchmarks:
            score = scores[teacher, benchmark]
            metrics = score["metrics"]
            shown = {k: metrics[k] for k in ("mean", "mean@0.1", "AP", "AR") if k in metrics}
            names = {"mean": "PCKh", "mean@0.1": "PCKh@0.1"}
            text = ", ".join(f"{names.get(k, k)} {v:.2f}" for k, v in shown.items())
            count = len(score["protocol"]["keypoints"])
            lines.append(f"| {teacher} | {benchmark} | {count} | {text} |")
    return _joined(lines)
