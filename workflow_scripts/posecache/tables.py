"""Table 1 of the paper from scores: ours, the published number beside it, the difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from posecache import files

PUBLISHED = Path(__file__).parent / "published"
MPII = {"mpii_pck": "mean", "mpii_pck_01": "mean@0.1"}
COCO = {
    "coco_ap": "AP", "coco_ap50": "AP50", "coco_ap75": "AP75",
    "coco_ar": "AR", "coco_ar50": "AR50", "coco_ar75": "AR75",
}  # fmt: skip
METRICS = (*MPII, *COCO)
HEADINGS = ("PCKh", "PCKh@0.1", "AP", "AP50", "AP75", "AR", "AR50", "AR75")
SAME = ("boxes", "flip", "n", "samples")  # what all scores of a column must share

Score = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A kind of training in Table 1: which student, on which benchmarks.

    A starred row's shared-keypoint benchmark covers the 12 keypoints that both datasets have.
    """

    training: str
    student: str
    mpii: str
    coco: str


ROWS = (
    Row("MPII", "mpii", "mpii", "coco"),
    Row("MPII*", "mpii", "mpii", "coco-shared12"),
    Row("COCO*", "coco", "mpii-shared12", "coco"),
    Row("Unified", "unified", "mpii", "coco"),
)


def read_score(folder: Path, model: str, benchmark: str) -> Score:
    """The score of a model on a benchmark."""
    score = files.read_json(folder / model / f"{benchmark}.json")
    assert isinstance(score, dict)
    return score


def table1(folder: Path, students: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The eight rows of Table 1, from the scores under `folder`.

    `students` names for each size (tiny, small) the students trained on mpii, coco and unified.
    Raises ValueError where scores of one column were made by different protocols.
    """
    lines = pd.read_csv(PUBLISHED / "paper_table1.csv").to_dict("records")
    published = {(line["model"], line["training"]): line for line in lines}
    records, columns = [], {"mpii": [], "coco": []}  # type: ignore[var-annotated]
    for size, names in students.items():
        for row in ROWS:
            mpii = read_score(folder, names[row.student], row.mpii)
            coco = read_score(folder, names[row.student], row.coco)
            columns["mpii"].append(mpii)
            columns["coco"].append(coco)
            ours = _numbers(mpii, coco)
            theirs = published[(size, row.training)]
            records.append({"model": size, "training": row.training} | _beside(ours, theirs))
    for scores in columns.values():
        _check_protocols(scores)
    return pd.DataFrame.from_records(records)


def _numbers(mpii: Score, coco: Score) -> dict[str, float]:
    """A row's own numbers."""
    numbers = {name: mpii["metrics"][key] for name, key in MPII.items()}
    numbers |= {name: coco["metrics"][key] for name, key in COCO.items()}
    numbers["keypoints"] = mpii["num_keypoints"]
    numbers["average"] = (numbers["mpii_pck"] + numbers["coco_ap"]) / 2
    return numbers


def _beside(ours: Mapping[str, float], theirs: Mapping[Any, Any]) -> dict[str, float]:
    """Ours, then the published numbers, then the differences."""
    names = (*METRICS, "average")
    row = {**{name: round(ours[name], 2) for name in METRICS}, "keypoints": int(ours["keypoints"])}
    row["average"] = round(ours["average"], 2)
    row |= {f"published_{name}": float(theirs[name]) for name in names}
    row |= {f"difference_{name}": round(ours[name] - float(theirs[name]), 2) for name in names}
    return row


def _check_protocols(scores: list[Score]) -> None:
    """All scores of a column were made in the same way."""
    first = scores[0]
    for score in scores[1:]:
        for key in SAME:
            a, b = first["protocol"][key], score["protocol"][key]
            if a != b:
                raise ValueError(
                    f"Table 1 would mix protocols: {first['model']} on {first['benchmark']} has "
                    f"{key} {a}, {score['model']} on {score['benchmark']} has {b}"
                )


def as_markdown(table: pd.DataFrame) -> str:
    """Table 1 as the paper prints it, the published number in parentheses behind ours.

    Numbers over the 12 shared keypoints are in italics.
    """
    lines = [
        "| Model | Training | " + " | ".join(f"{h}" for h in HEADINGS) + " | Kpts | Avg |",
        "|" + "---|" * (len(HEADINGS) + 4),
    ]
    for _, row in table.iterrows():
        italic = {"MPII*": COCO, "COCO*": MPII}.get(row["training"], {})
        cells = [_cell(row, name, name in italic) for name in METRICS]
        average = _cell(row, "average", False)
        lines.append(
            f"| {row['model'].capitalize()} | {row['training'].replace('*', chr(92) + '*')} | "
            + " | ".join(cells)
            + f" | {row['keypoints']} | {average} |"
        )
    return "\n".join(lines) + "\n"


def _cell(row: pd.Series, name: str, italic: bool) -> str:
    mark = "*" if italic else ""
    return f"{mark}{row[name]:.2f}{mark} ({row[f'published_{name}']:.2f})"


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
    return "\n".join(lines) + "\n"
