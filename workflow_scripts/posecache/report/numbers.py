"""The page's numbers: the tables with what was published, and every model's headline scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pandas as pd

from posecache.models.card import MODEL_FILE
from posecache.models.cost import Cost, cost
from posecache.report.contents import Contents
from posecache.runs import student_of
from posecache.scores.settings import HEADLINES
from posecache.tables.making import read_scores
from posecache.tables.markdown import leads
from posecache.tables.table import BEST, OURS, SEEDS, Column, Table, spread_of


@dataclass(frozen=True)
class Cell:
    """A number of a table; None where there is none."""

    value: float | None
    spread: float | None = None  # standard deviation over training runs
    published: float | None = None
    difference: float | None = None
    leads: bool = False  # above all that it is compared with
    best: bool = False  # of a sweep


@dataclass(frozen=True)
class Filled:
    """A table with its numbers."""

    name: str
    title: str
    labels: Sequence[str]
    headings: Sequence[str]  # of the cells
    rows: Sequence[tuple[Sequence[str], Sequence[Cell]]]  # labels, among them our model, and cells
    seeds: int
    published: bool


def filled(name: str, table: Table, path: Path) -> Filled:
    """A table as it was made."""
    labels = [*table.labels, OURS, *(["keypoints"] if table.keypoints else [])]
    average = [] if table.averaged is None else [Column("average", "Average", "", "")]
    columns = [*table.columns, *average]
    text = dict.fromkeys([*table.labels, OURS], str)
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    records = frame.to_dict("records")
    rows = [
        ([str(record[label]) for label in labels], [_cell(table, records, n, c) for c in columns])
        for n, record in enumerate(records)
    ]
    return Filled(
        name=name,
        title=table.title,
        labels=labels,
        headings=[column.heading for column in columns],
        rows=rows,
        seeds=int(frame[SEEDS].max()) if SEEDS in frame else 1,
        published=table.published is not None,
    )


def _cell(table: Table, records: Sequence[Mapping[Any, Any]], place: int, column: Column) -> Cell:
    name, record = column.name, records[place]
    datasets = [column.dataset] if column.dataset else list(table.rows[place].benchmarks)

    def known(part: str) -> float | None:
        value = record.get(part)
        return None if value is None or pd.isna(value) else float(value)

    return Cell(
        value=known(name),
        spread=known(spread_of(name)),
        published=known(f"published_{name}"),
        difference=known(f"difference_{name}"),
        leads=leads(table.rows, records, place, name, datasets),
        best=name == table.by and bool(record[BEST]),
    )


@dataclass(frozen=True)
class Model:
    """A student, of one or several training runs, or a teacher, and what it costs."""

    name: str
    runs: int
    keypoints: int
    cost: Cost
    scores: Mapping[str, Cell]  # by benchmark


def models(contents: Contents) -> list[Model]:
    """Every model that is scored, in the order of the configuration."""
    scores = read_scores(contents.scores)
    names = dict.fromkeys(student_of(model) for model in contents.models)
    found = []
    for name in names:
        own = [m for m in contents.models if student_of(m) == name]
        runs = {model: _of(scores, model) for model in own if _of(scores, model)}
        if runs:
            found.append(_model(contents, name, own[0], runs))
    return found


def _of(scores: Mapping[tuple[str, str], Any], model: str) -> dict[str, Any]:
    """A model's scores by benchmark."""
    return {benchmark: score for (m, benchmark), score in scores.items() if m == model}


def _model(contents: Contents, name: str, first: str, runs: Mapping[str, Any]) -> Model:
    values: dict[str, list[float]] = {}
    keypoints = 0
    for scores in runs.values():
        for benchmark, score in scores.items():
            headline = HEADLINES[score["protocol"]["metric"]]
            values.setdefault(benchmark, []).append(score["metrics"][headline])
            keypoints = score["num_keypoints"]
    return Model(
        name=name,
        runs=len(runs),
        keypoints=keypoints,
        cost=cost(contents.models[first] / MODEL_FILE),
        scores={
            benchmark: Cell(round(mean(each), 2), round(stdev(each), 2) if each[1:] else None)
            for benchmark, each in values.items()
        },
    )


def headline(contents: Contents, benchmark: str) -> str:
    """What a benchmark's headline number is called."""
    return {"oks": "AP", "pckh": "PCKh"}[contents.benchmarks[benchmark].measure.metric]
