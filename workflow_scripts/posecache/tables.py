"""The tables of the paper and of its authors' report, from scores: ours beside the published.

What each table holds is data (table_specs.py); which of our models plays which part is
configuration.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from posecache import files
from posecache.table_specs import SHARED, TABLES, Row, Table

PUBLISHED = Path(__file__).parent / "published"
SAME = ("boxes", "flip", "n", "samples")  # what all scores of a column must share

Score = Mapping[str, Any]


def needed(name: str, models: Mapping[str, str]) -> dict[tuple[str, str], None] | None:
    """(model, benchmark) of every score of a table; None where a part has no model.

    A size that is left out altogether is no gap: its rows are left out too.
    """
    rows = _rows(TABLES[name], models)
    if not rows or any(row.part not in models for row in rows):
        return None
    return dict.fromkeys((models[r.part], b) for r in rows for b in r.benchmarks.values())


def _rows(table: Table, models: Mapping[str, str]) -> list[Row]:
    """The rows of those sizes and teacher sets of which there are models."""
    sections = {part.partition(".")[0] for part in models}
    return [row for row in table.rows if row.part.partition(".")[0] in sections]


def read_score(folder: Path, model: str, benchmark: str) -> Score:
    """The score of a model on a benchmark."""
    score = files.read_json(folder / model / f"{benchmark}.json")
    assert isinstance(score, dict)
    return score


def make(name: str, folder: Path, models: Mapping[str, str]) -> pd.DataFrame:
    """A table from the scores under `folder`; `models` names our model of each part.

    Columns: the labels, our model, our numbers, the published ones, the differences; in 0-100.
    Raises ValueError where scores of one column were made by different protocols.
    """
    table = TABLES[name]
    published = _published(table)
    records, used = [], {}  # type: ignore[var-annotated]
    for row in _rows(table, models):
        scores = {d: read_score(folder, models[row.part], b) for d, b in row.benchmarks.items()}
        for dataset, score in scores.items():
            used.setdefault(dataset, []).append(score)
        ours = _numbers(table, scores)
        labels = dict(zip(table.labels, row.labels, strict=True))
        records.append(labels | _beside(models[row.part], ours, published[row.labels], scores))
        if not table.keypoints:
            del records[-1]["keypoints"]
    for scores in used.values():
        _check_protocols(name, scores)
    return pd.DataFrame.from_records(records)


def _published(table: Table) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """The published numbers by the row's labels."""
    frame = pd.read_csv(PUBLISHED / table.published, dtype=dict.fromkeys(table.labels, str))
    lines: list[dict[Any, Any]] = frame.to_dict("records")
    return {tuple(line[key] for key in table.labels): line for line in lines}


def _numbers(table: Table, scores: Mapping[str, Score]) -> dict[str, float]:
    """A row's own numbers; NaN where it has no benchmark of a column's dataset."""
    numbers = {
        column.name: scores[column.dataset]["metrics"][column.metric]
        if column.dataset in scores
        else float("nan")
        for column in table.columns
    }
    if table.averaged:
        first, second = table.averaged
        numbers["average"] = (numbers[first] + numbers[second]) / 2
    return numbers


def _beside(
    model: str, ours: Mapping[str, float], theirs: Mapping[str, Any], scores: Mapping[str, Score]
) -> dict[str, Any]:
    """Our model, our numbers, the published ones, the differences."""
    row: dict[str, Any] = {"ours": model}
    row |= {name: round(value, 2) for name, value in ours.items() if name != "average"}
    row["keypoints"] = int(next(iter(scores.values()))["num_keypoints"])
    if "average" in ours:
        row["average"] = round(ours["average"], 2)
    row |= {f"published_{name}": float(theirs[name]) for name in ours}
    row |= {f"difference_{name}": round(v - float(theirs[name]), 2) for name, v in ours.items()}
    return row


def _check_protocols(table: str, scores: list[Score]) -> None:
    """All scores of a column were made in the same way."""
    first = scores[0]
    for score in scores[1:]:
        for key in SAME:
            a, b = first["protocol"][key], score["protocol"][key]
            if a != b:
                raise ValueError(
                    f"{table} would mix protocols: {first['model']} on {first['benchmark']} has "
                    f"{key} {a}, {score['model']} on {score['benchmark']} has {b}"
                )


def as_markdown(name: str, frame: pd.DataFrame) -> str:
    """A table as it is printed: the published number in parentheses behind ours.

    Numbers of starred rows over the 12 shared keypoints are in italics.
    """
    table = TABLES[name]
    headings = [*table.labels, "ours", *(column.heading for column in table.columns)]
    headings += ["Kpts"] if table.keypoints else []
    headings += ["Avg"] if table.averaged else []
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    rows = {row.labels: row for row in table.rows}
    for record in frame.to_dict("records"):
        labels = tuple(str(record[key]) for key in table.labels)
        shared = {d for d, b in rows[labels].benchmarks.items() if b == SHARED.get(d)}
        cells = [label.replace("*", r"\*") for label in (*labels, record["ours"])]
        cells += [_cell(record, c.name, c.dataset in shared) for c in table.columns]
        cells += [str(record["keypoints"])] if table.keypoints else []
        cells += [_cell(record, "average", False)] if table.averaged else []
        lines.append("| " + " | ".join(cells) + " |")
    return f"{table.title}. Ours, and the published number in parentheses.\n\n" + _joined(lines)


def _cell(record: Mapping[Any, Any], name: str, italic: bool) -> str:
    mark = "*" if italic else ""
    ours, theirs = (_shown(record[key]) for key in (name, f"published_{name}"))
    return f"{mark}{ours}{mark} ({theirs})"


def _shown(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def teachers_markdown(folder: Path, teachers: Mapping[str, list[str]]) -> str:
    """Each teacher on benchmarks of its own dataset."""
    lines = ["| Teacher | Benchmark | Keypoints | Scores |", "|---|---|---|---|"]
    for teacher, benchmarks in teachers.items():
        for benchmark in benchmarks:
            score = read_score(folder, teacher, benchmark)
            metrics = score["metrics"]
            shown = {k: metrics[k] for k in ("mean", "mean@0.1", "AP", "AR") if k in metrics}
            names = {"mean": "PCKh", "mean@0.1": "PCKh@0.1"}
            text = ", ".join(f"{names.get(k, k)} {v:.2f}" for k, v in shown.items())
            count = len(score["protocol"]["keypoints"])
            lines.append(f"| {teacher} | {benchmark} | {count} | {text} |")
    return _joined(lines)
