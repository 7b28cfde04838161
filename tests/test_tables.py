from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posecache import files, tables
from posecache.table_specs import BOTH, JOINTS, TABLES, TEN

MPII, COCO = (*JOINTS, "mean@0.1"), tuple(TEN.values())

ROLES = {"mpii": 16, "coco": 17, "combined": 21, "unified": 21}
MODELS = {
    f"{size}.{role}{suffix}": f"{role}{suffix}-{size[0]}"
    for size in ("tiny", "small")
    for role in ROLES
    for suffix in ("", "-short")
} | {f"{name}.{dataset}": f"{dataset}-{name}" for name in ("I", "II") for dataset in BOTH}
CODES = ("mpii", "mpii-shared12", "coco", "coco-shared12", "halpe-union21")


def write_scores(folder: Path) -> None:
    """Scores that tell model and benchmark apart: 10 * role + benchmark's number."""
    for part, model in MODELS.items():
        role = part.partition(".")[2].removesuffix("-short")
        for code, benchmark in enumerate(CODES):
            value = 10.0 * (list(ROLES).index(role) + 1) + code
            keys = MPII if benchmark.startswith("mpii") else COCO
            protocol = {"boxes": "gt", "flip": True, "n": 5, "samples": benchmark[:4]}
            score: dict[str, Any] = {
                "model": model,
                "benchmark": benchmark,
                "num_keypoints": ROLES[role],
                "metrics": dict.fromkeys(keys, value),
                "protocol": protocol | {"keypoints": ["a"] * 12},
            }
            files.write_json(folder / model / f"{benchmark}.json", score)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_fills_in_beside_the_published_one(tmp_path: Path, name: str) -> None:
    write_scores(tmp_path)
    frame = tables.make(name, tmp_path, MODELS)
    table = TABLES[name]
    assert len(frame) == len(table.rows)
    numbers = [column.name for column in table.columns]
    used = frame[numbers].notna()
    assert used.any(axis=1).all()
    for column in numbers:
        ours, theirs = frame[column], frame[f"published_{column}"]
        difference = frame[f"difference_{column}"]
        assert ((ours - theirs) - difference).abs().max() < 0.006 or theirs.isna().all()
        assert (theirs.isna() | ours.notna()).all()  # nothing published is left without ours
    text = tables.as_markdown(name, frame)
    assert text.count("\n|") == len(frame) + 2
    assert "nan" not in text


def test_a_table_needs_all_its_parts() -> None:
    assert tables.needed("table2", {"tiny.unified": "u"}) is None
    tiny = {part: model for part, model in MODELS.items() if part.startswith("tiny")}
    assert tables.needed("table2", tiny) == {
        (model, benchmark): None
        for model in ("combined-t", "unified-t")
        for benchmark in ("mpii", "coco")
    }
    assert tables.needed("report_table5", tiny) is None
    assert tables.needed("table1", {}) is None


def test_each_row_takes_its_own_benchmarks(tmp_path: Path) -> None:
    write_scores(tmp_path)
    table = tables.make("table1", tmp_path, MODELS).set_index(["model", "training"])
    expected = {"MPII": (10, 12), "MPII*": (10, 13), "COCO*": (21, 22), "Unified": (40, 42)}
    for training, (mpii, coco) in expected.items():
        row = table.loc[("small", training)]
        assert (row["mpii_pck"], row["coco_ap"]) == (mpii, coco)
        assert row["average"] == (mpii + coco) / 2
    assert table["keypoints"].tolist() == [16, 16, 17, 21] * 2


def test_published_numbers_stand_beside_ours(tmp_path: Path) -> None:
    write_scores(tmp_path)
    row = (
        tables.make("table1", tmp_path, MODELS)
        .set_index(["model", "training"])
        .loc[("tiny", "Unified")]
    )
    assert row["published_mpii_pck"] == 79.75
    assert row["difference_mpii_pck"] == pytest.approx(40 - 79.75)
    assert row["published_average"] == 70.89


def test_protocols_are_not_mixed(tmp_path: Path) -> None:
    write_scores(tmp_path)
    path = tmp_path / "coco-s" / "coco.json"
    score = files.read_json(path)
    score["protocol"]["flip"] = False
    files.write_json(path, score)
    with pytest.raises(ValueError, match="mix protocols: mpii-t on coco has flip True, coco-s"):
        tables.make("table1", tmp_path, MODELS)


def test_a_missing_score_is_named(tmp_path: Path) -> None:
    write_scores(tmp_path)
    (tmp_path / "coco-t" / "coco.json").unlink()
    with pytest.raises(ValueError, match=r"coco-t/coco\.json: no such file"):
        tables.make("table1", tmp_path, MODELS)


def test_markdown_sets_shared_keypoints_in_italics(tmp_path: Path) -> None:
    write_scores(tmp_path)
    lines = tables.as_markdown("table1", tables.make("table1", tmp_path, MODELS)).splitlines()
    assert len(lines) == 12
    assert "| *21.00* (77.62) |" in lines[6]
    assert "| 22.00 (67.99) |" in lines[6]
    assert "*13.00* (53.23)" in lines[5]


def test_teachers_are_printed_with_their_benchmarks(tmp_path: Path) -> None:
    write_scores(tmp_path)
    text = tables.teachers_markdown(tmp_path, {"mpii-t": ["mpii"]})
    assert "| mpii-t | mpii | 12 | PCKh 10.00, PCKh@0.1 10.00 |" in text


@pytest.mark.parametrize("path", sorted(tables.PUBLISHED.glob("*.csv")), ids=lambda p: p.stem)
def test_published_numbers_are_the_papers_and_the_reports(shared: Path, path: Path) -> None:
    """The report gives some numbers as shares of one; ours are all in 0-100."""
    ours = pd.read_csv(path)
    theirs = pd.read_csv(shared / "reference" / "published" / path.name)
    numbers = [c for c in theirs.columns if c.startswith(("coco_", "mpii_"))]
    if path.stem.startswith("report"):
        theirs[numbers] = theirs[numbers].map(lambda v: v * 100 if v <= 1 else v)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
