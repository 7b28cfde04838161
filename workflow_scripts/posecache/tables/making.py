"""Making a table from scores: our numbers, beside the published ones where there are any."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from posecache import files
from posecache.tables.specs import SHARED
from posecache.tables.table import OURS, Row, Table

# What all scores of a column must share; those of PCKh have no `rescore` and no `nms`.
AGREED = ("metric", "boxes", "flip", "n", "samples", "rescore", "nms")

Score = Mapping[str, Any]
Scores = Mapping[tuple[str, str], Score]  # by model and benchmark


def read_scores(paths: Iterable[Path]) -> dict[tuple[str, str], Score]:
    """Score files, by the model and the benchmark that each names."""
    scores = [files.read_json(path) for path in paths]
    return {(score["model"], score["benchmark"]): score for score in scores}


def make(name: str, table: Table, scores: Scores) -> pd.DataFrame:
    """A table: labels, our model, our numbers, the published ones, the differences; in 0-100.

    Raises ValueError for a score that is not among `scores`, and where scores of one column were
    made by different protocols.
    """
    published, records = _published(table), []
    used: dict[str, list[Score]] = {}
    for row in table.rows:
        own = {dataset: _score(name, scores, row, dataset) for dataset in row.benchmarks}
        for dataset, score in own.items():
            used.setdefault(dataset, []).append(score)
        labels = dict(zip(table.labels, row.labels, strict=True))
        theirs = None if published is None else published.get(row.labels, {})
        records.append(labels | _numbers(table, row, own, theirs))
    for column in used.values():
        _check_protocols(name, column)
    return pd.DataFrame.from_records(records)


def _score(name: str, scores: Scores, row: Row, dataset: str) -> Score:
    key = (row.model, row.benchmarks[dataset])
    if key not in scores:
        raise ValueError(f"{name}: no score of {key[0]} on {key[1]} is given")
    return scores[key]


def _published(table: Table) -> dict[tuple[str, ...], Mapping[str, Any]] | None:
    """The published numbers by the row's labels; None where nothing is published."""
    if table.published is None:
        return None
    if not table.published.is_file():
        raise ValueError(f"{table.published}: no such file")
    text = dict.fromkeys(table.labels, str)
    try:  # a label may well be called None
        frame = pd.read_csv(table.published, dtype=text, keep_default_na=False, na_values=[""])
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{table.published}: no CSV ({error})") from None
    absent = [label for label in table.labels if label not in frame]
    if absent:
        raise ValueError(f"{table.published}: has no column {absent[0]!r}")
    lines: list[dict[Any, Any]] = frame.to_dict("records")
    return {tuple(line[key] for key in table.labels): line for line in lines}


def _numbers(
    table: Table, row: Row, scores: Mapping[str, Score], theirs: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Our model and numbers, the published ones, the differences; NaN where there is none."""
    ours = {
        column.name: scores[column.dataset]["metrics"].get(column.metric, float("nan"))
        if column.dataset in scores
        else float("nan")
        for column in table.columns
    }
    found: dict[str, Any] = {OURS: row.model}
    found |= {name: round(value, 2) for name, value in ours.items()}
    if table.keypoints:
        found["keypoints"] = int(next(iter(scores.values()))["num_keypoints"])
    if table.averaged:
        first, second = table.averaged
        ours["average"] = (ours[first] + ours[second]) / 2
        found["average"] = round(ours["average"], 2)
    if theirs is not None:
        known = {name: float(theirs.get(name, "nan")) for name in ours}
        found |= {f"published_{name}": value for name, value in known.items()}
        found |= {f"difference_{name}": round(v - known[name], 2) for name, v in ours.items()}
    return found


def _check_protocols(table: str, scores: list[Score]) -> None:
    """Check that all scores of a column were made in the same way."""
    first = scores[0]
    for score in scores[1:]:
        for key in AGREED:
            a, b = first["protocol"].get(key), score["protocol"].get(key)
            if a != b:
                raise ValueError(
                    f"{table} would mix protocols: {first['model']} on {first['benchmark']} has "
                    f"{key} {a}, {score['model']} on {score['benchmark']} has {b}"
                )


def as_markdown(table: Table, frame: pd.DataFrame) -> str:
    """A table as it is printed: the published number in parentheses after ours.

    Numbers of starred rows over the 12 shared keypoints are in italics.
    """
    headings = [*table.labels, OURS, *(column.heading for column in table.columns)]
    headings += ["Kpts"] if table.keypoints else []
    headings += ["Avg"] if table.averaged else []
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    for row, record in zip(table.rows, frame.to_dict("records"), strict=True):
        shared = {d for d, b in row.benchmarks.items() if b == SHARED.get(d)}
        cells = [label.replace("*", r"\*") for label in (*row.labels, row.model)]
        cells += [_cell(record, c.name, c.dataset in shared) for c in table.columns]
        cells += [str(record["keypoints"])] if table.keypoints else []
        cells += [_cell(record, "average", False)] if table.averaged else []
        lines.append("| " + " | ".join(cells) + " |")
    told = "" if table.published is None else "Ours, and the published number in parentheses."
    title = " ".join(part for part in (f"{table.title}." if table.title else "", told) if part)
    return (f"{title}\n\n" if title else "") + _joined(lines)


def _cell(record: Mapping[Any, Any], name: str, italic: bool) -> str:
    mark = "*" if italic else ""
    theirs = f"published_{name}"
    published = f" ({_shown(record[theirs])})" if theirs in record else ""
    return f"{mark}{_shown(record[name])}{mark}{published}"


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
