"""The page's numbers, against the files that they come from."""

from pathlib import Path
from typing import Any

import pytest

import tiny
from posecache import files
from posecache.models.cost import cost
from posecache.report.contents import Benchmark, Contents
from posecache.report.numbers import Cell, filled, headline, models
from posecache.scores.settings import Measure
from posecache.tables.table import Column, Row, Table

TABLE = Table(
    title="T",
    labels=("model",),
    columns=(Column("ap", "AP", "coco", "AP"),),
    rows=(Row(("a",), "one", {"coco": "coco"}), Row(("b",), "two", {"coco": "coco"})),
    averaged=("ap", "ap"),
    keypoints=True,
    published=Path("p.csv"),
)


def test_a_table_is_its_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "model,ours,ap,keypoints,average,ap_sd,average_sd,seeds,published_ap,published_average,"
        "difference_ap,difference_average\n"
        "a,one,50.00,17,50.00,1.00,1.00,3,60.00,,-10.00,\n"
        "None,two,54.00,21,54.00,1.00,1.00,3,,,,\n"
    )
    found = filled("t", TABLE, tmp_path / "t.csv")
    assert (found.labels, found.headings) == (["model", "ours", "keypoints"], ["AP", "Average"])
    assert (found.seeds, found.published) == (3, True)
    (first, (ap, average)), (second, _) = found.rows
    assert (first, second) == (["a", "one", "17"], ["None", "two", "21"])
    assert ap == Cell(50.0, spread=1.0, published=60.0, difference=-10.0)
    assert average == Cell(50.0, spread=1.0)
    # 4 above, and the deviations are 1 each: more than the root of 2.
    assert found.rows[1][1][0] == Cell(54.0, spread=1.0, leads=True)


def score(folder: Path, model: str, value: float, metric: str = "oks") -> Path:
    path = folder / f"{model}.json"
    number = {"oks": "AP", "pckh": "mean"}[metric]
    record: dict[str, Any] = {"metrics": {number: value}, "protocol": {"metric": metric}}
    files.write_json(path, record | {"model": model, "benchmark": "b", "num_keypoints": 17})
    return path


def contents(folder: Path, scores: list[Path], **models: Path) -> Contents:
    """An experiment of which nothing but scores and models are known."""
    return Contents(
        title="t", tables={}, sweeps={},
        scores=scores, runs=[], models=models, samples={}, training_sets=[],
        benchmarks={"b": Benchmark("s", Measure(metric="oks"))}, logits={}, taught={},
        student=None, teachers=[], flip=True,
    )  # fmt: skip


def test_a_students_runs_are_one_line(tmp_path: Path) -> None:
    model = tiny.model_folder(tmp_path / "model")
    scores = [score(tmp_path, "s", 40.0), score(tmp_path, "s@1", 44.0), score(tmp_path, "t", 60.0)]
    experiment = contents(tmp_path, scores, **{"t": model, "s": model, "s@1": model, "bare": model})
    teacher, student = models(experiment)
    assert (teacher.name, teacher.runs, teacher.scores) == ("t", 1, {"b": Cell(60.0)})
    assert (student.name, student.runs, student.keypoints) == ("s", 2, 17)
    # The sample standard deviation of 40 and 44 is the root of 8.
    assert student.scores["b"] == Cell(42.0, spread=pytest.approx(2.83))
    assert student.cost == cost(model / "model.onnx")
    assert headline(experiment, "b") == "AP"
