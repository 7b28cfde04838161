"""The published tables, filled in with made-up scores."""

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posecache import files
from posecache.scores.settings import NUMBERS
from posecache.tables import making
from posecache.tables.markdown import as_markdown, teachers_markdown
from posecache.tables.specs import BOTH, TABLES, TEN, cast
from posecache.tables.table import Table

MPII, COCO = NUMBERS["pckh"], tuple(TEN.values())

ROLES = {"mpii": 16, "coco": 17, "combined": 21, "unified": 21}
MODELS = {
    f"{size}.{role}{suffix}": f"{role}{suffix}-{size[0]}"
    for size in ("tiny", "small")
    for role in ROLES
    for suffix in ("", "-short")
} | {f"{name}.{dataset}": f"{dataset}-{name}" for name in ("I", "II") for dataset in BOTH}
CODES = (
    "mpii", "mpii-shared12", "coco", "coco-shared12", "halpe-union21",
    "coco-cross", "mpii-cross", "mpii-union21",
)  # fmt: skip

Scores = dict[tuple[str, str], dict[str, Any]]


def made_scores() -> Scores:
    """Scores that tell model and benchmark apart: 10 * role + benchmark's number."""
    scores = {}
    for part, model in MODELS.items():
        role = part.partition(".")[2].removesuffix("-short")
        for code, benchmark in enumerate(CODES):
            value = 10.0 * (list(ROLES).index(role) + 1) + code
            pckh = benchmark.startswith("mpii") or benchmark.endswith("cross")
            keys = MPII if pckh and benchmark != "mpii-union21" else COCO
            protocol = {"boxes": "gt", "flip": True, "n": 5, "samples": benchmark[:4]}
            scores[model, benchmark] = {
                "model": model,
                "benchmark": benchmark,
                "num_keypoints": ROLES[role],
                "metrics": dict.fromkeys(keys, value),
                "protocol": protocol | {"keypoints": ["a"] * 12},
            }
    return scores


SCORES = made_scores()


def published(name: str) -> Table:
    """A published table of MODELS."""
    table = cast(name, MODELS)
    assert table is not None
    return table


def table1() -> pd.DataFrame:
    return making.make("table1", published("table1"), SCORES)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_fills_in_beside_the_published_one(name: str) -> None:
    table = published(name)
    frame = making.make(name, table, SCORES)
    assert len(frame) == len(table.rows) == len(TABLES[name].rows)
    numbers = [column.name for column in table.columns]
    used = frame[numbers].notna()
    assert used.any(axis=1).all()
    for column in numbers if table.published else ():
        ours, theirs = frame[column], frame[f"published_{column}"]
        difference = frame[f"difference_{column}"]
        assert ((ours - theirs) - difference).abs().max() < 0.006 or theirs.isna().all()
        assert (theirs.isna() | ours.notna()).all()  # each published number has ours beside it
    text = as_markdown(table, frame)
    assert text.count("\n|") == len(frame) + 2
    assert "nan" not in text


def test_scores_are_read_by_model_and_benchmark(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    keys = [("coco-t", "coco"), ("unified-s", "halpe-union21")]
    for path, key in zip(paths, keys, strict=True):
        files.write_json(path, SCORES[key])
    assert making.read_scores(paths) == {key: SCORES[key] for key in keys}
    with pytest.raises(ValueError, match=r"c\.json: no such file"):
        making.read_scores([tmp_path / "c.json"])


def test_each_row_takes_its_own_benchmarks() -> None:
    table = table1().set_index(["model", "training"])
    expected = {"MPII": (10, 12), "MPII*": (10, 13), "COCO*": (21, 22), "Unified": (40, 42)}
    for training, (mpii, coco) in expected.items():
        row = table.loc[("small", training)]
        assert (row["mpii_pck"], row["coco_ap"]) == (mpii, coco)
        assert row["average"] == (mpii + coco) / 2
    assert table["keypoints"].tolist() == [16, 16, 17, 21] * 2


def test_published_numbers_stand_beside_ours() -> None:
    row = table1().set_index(["model", "training"]).loc[("tiny", "Unified")]
    assert row["published_mpii_pck"] == 79.75
    assert row["difference_mpii_pck"] == pytest.approx(40 - 79.75)
    assert row["published_average"] == 70.89


@pytest.mark.parametrize(("key", "value"), [("flip", True), ("nms", 0.9), ("rescore", True)])
def test_protocols_are_not_mixed(key: str, value: object) -> None:
    scores = copy.deepcopy(SCORES)
    for (_, benchmark), score in scores.items():
        if benchmark.startswith("coco"):
            score["protocol"][key] = value
    scores["coco-s", "coco"]["protocol"][key] = None
    told = f"mix protocols: mpii-t on coco has {key} {value}, coco-s on .* has None"
    with pytest.raises(ValueError, match=told):
        making.make("table1", published("table1"), scores)


def test_a_missing_score_is_named() -> None:
    scores = {key: score for key, score in SCORES.items() if key != ("coco-t", "coco")}
    with pytest.raises(ValueError, match="table1: no score of coco-t on coco is given"):
        making.make("table1", published("table1"), scores)


def test_markdown_sets_shared_keypoints_in_italics() -> None:
    lines = as_markdown(published("table1"), table1()).splitlines()
    assert len(lines) == 12
    assert lines[0].endswith("Ours, and the published number in parentheses.")
    assert "| *21.00* (77.62) |" in lines[6]
    assert "| 22.00 (67.99) |" in lines[6]
    assert "*13.00* (53.23)" in lines[5]


def test_teachers_are_printed_with_their_benchmarks() -> None:
    text = teachers_markdown(SCORES, {"mpii-t": ["mpii"]})
    assert "| mpii-t | mpii | 12 | PCKh 10.00, PCKh@0.1 10.00 |" in text
