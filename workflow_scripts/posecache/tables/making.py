"""Making a table from scores: our numbers, beside the published ones where there are any."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posecache import files
from posecache.runs import student_of
from posecache.tables.table import BEST, OURS, SEEDS, Row, Table, spread_of

# What all scores of a column must share; those of PCKh have no `rescore` and no `nms`.
AGREED = ("metric", "boxes", "flip", "n", "samples", "rescore", "nms")

Score = Mapping[str, Any]
Scores = Mapping[tuple[str, str], Score]  # by model and benchmark
Run = Mapping[str, Score]  # by dataset, of one model


def read_scores(paths: Iterable[Path]) -> dict[tuple[str, str], Score]:
    """Score files, by the model and the benchmark that each names."""
    scores = [files.read_json(path) for path in paths]
    return {(score["model"], score["benchmark"]): score for score in scores}


def make(name: str, table: Table, scores: Scores) -> pd.DataFrame:
    """A table: labels, our model, our numbers, the published ones, the differences; in 0-100.

    Where students have several training runs among `scores`, numbers are means over these, with
    their sample standard deviations (of n - 1) and the number of runs in further columns.

    Raises ValueError for a score that is not among `scores`, and where scores of one column were
    made by different protocols.
    """
    published, records = _published(table), []
    used: dict[str, list[Score]] = {}
    for row in table.rows:
        runs = _runs(name, scores, row)
        for dataset in row.benchmarks:
            used.setdefault(dataset, []).extend(run[dataset] for run in runs)
        labels = dict(zip(table.labels, row.labels, strict=True))
        theirs = None if published is None else published.get(row.labels, {})
        records.append(labels | _numbers(table, row, runs, theirs))
    for column in used.values():
        _check_protocols(name, column)
    frame = pd.DataFrame.from_records(records)
    if table.by is not None:
        frame[BEST] = frame[table.by] == frame[table.by].max()
    if (frame[SEEDS] > 1).any():
        return frame
    return frame.drop(columns=[SEEDS, *(spread_of(column) for column in _names(table))])


def _names(table: Table) -> list[str]:
    """The columns of numbers that have a mean and a spread."""
    return [column.name for column in table.columns] + (["average"] if table.averaged else [])


def _runs(name: str, scores: Scores, row: Row) -> list[Run]:
    """The scores of each training run of a row's student by dataset."""
    models = dict.fromkeys(model for model, _ in scores if student_of(model) == row.model)
    return [
        {dataset: _score(name, scores, model, b) for dataset, b in row.benchmarks.items()}
        for model in models or [row.model]
    ]


def _score(name: str, scores: Scores, model: str, benchmark: str) -> Score:
    if (model, benchmark) not in scores:
        raise ValueError(f"{name}: no score of {model} on {benchmark} is given")
    return scores[model, benchmark]


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
    table: Table, row: Row, runs: Sequence[Run], theirs: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Our model, its numbers' means and spreads, the published numbers, the differences.

    NaN where there is none.
    """
    each = np.array([_numbers_of(table, run) for run in runs])
    ours = dict(zip(_names(table), each.mean(0).tolist(), strict=True))
    spread = each.std(0, ddof=1) if len(runs) > 1 else np.full(len(ours), np.nan)
    found: dict[str, Any] = {OURS: row.model}
    found |= {column.name: round(ours[column.name], 2) for column in table.columns}
    if table.keypoints:
        found["keypoints"] = int(next(iter(runs[0].values()))["num_keypoints"])
    found |= {name: round(value, 2) for name, value in ours.items()}
    found |= {spread_of(n): round(v, 2) for n, v in zip(ours, spread.tolist(), strict=True)}
    found[SEEDS] = len(runs)
    if theirs is not None:
        known = {name: float(theirs.get(name, "nan")) for name in ours}
        found |= {f"published_{name}": value for name, value in known.items()}
        found |= {f"difference_{name}": round(v - known[name], 2) for name, v in ours.items()}
    return found


def _numbers_of(table: Table, run: Run) -> list[float]:
    """One run's numbers, those of `_names`."""
    found = {
        column.name: float(run[column.dataset]["metrics"].get(column.metric, "nan"))
        if column.dataset in run
        else float("nan")
        for column in table.columns
    }
    average = [] if table.averaged is None else [np.mean([found[c] for c in table.averaged])]
    return [*found.values(), *map(float, average)]


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
