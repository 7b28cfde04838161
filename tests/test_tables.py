from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posecache import files, tables

STUDENTS = {
    size: {"mpii": f"mpii-{size[0]}", "coco": f"coco-{size[0]}", "unified": f"unified-{size[0]}"}
    for size in ("tiny", "small")
}
KEYPOINTS = {"mpii": 16, "coco": 17, "unified": 21}


def write_scores(folder: Path) -> None:
    """Scores whose numbers tell model and benchmark apart: 10 * kind + benchmark's number."""
    for names in STUDENTS.values():
        for number, (kind, model) in enumerate(names.items(), start=1):
            for code, benchmark in enumerate(("mpii", "mpii-shared12", "coco", "coco-shared12")):
                value = 10.0 * number + code
                keys = tables.MPII if benchmark.startswith("mpii") else tables.COCO
                protocol = {"boxes": "gt", "flip": True, "n": 5, "samples": benchmark[:4]}
                score: dict[str, Any] = {
                    "model": model,
                    "benchmark": benchmark,
                    "num_keypoints": KEYPOINTS[kind],
                    "metrics": dict.fromkeys(keys.values(), value),
                    "protocol": protocol | {"keypoints": ["a"] * 12},
                }
                files.write_json(folder / model / f"{benchmark}.json", score)


def test_each_row_takes_its_own_benchmarks(tmp_path: Path) -> None:
    write_scores(tmp_path)
    table = tables.table1(tmp_path, STUDENTS).set_index(["model", "training"])
    expected = {"MPII": (10, 12), "MPII*": (10, 13), "COCO*": (21, 22), "Unified": (30, 32)}
    for training, (mpii, coco) in expected.items():
        row = table.loc[("small", training)]
        assert (row["mpii_pck"], row["coco_ap"]) == (mpii, coco)
        assert row["average"] == (mpii + coco) / 2
    assert table["keypoints"].tolist() == [16, 16, 17, 21] * 2


def test_published_numbers_stand_beside_ours(tmp_path: Path) -> None:
    write_scores(tmp_path)
    row = (
        tables.table1(tmp_path, STUDENTS).set_index(["model", "training"]).loc[("tiny", "Unified")]
    )
    assert row["published_mpii_pck"] == 79.75
    assert row["difference_mpii_pck"] == pytest.approx(30 - 79.75)
    assert row["published_average"] == 70.89


def test_protocols_are_not_mixed(tmp_path: Path) -> None:
    write_scores(tmp_path)
    path = tmp_path / "coco-s" / "coco.json"
    score = files.read_json(path)
    score["protocol"]["flip"] = False
    files.write_json(path, score)
    with pytest.raises(ValueError, match="mix protocols: mpii-t on coco has flip True, coco-s"):
        tables.table1(tmp_path, STUDENTS)


def test_a_missing_score_is_named(tmp_path: Path) -> None:
    write_scores(tmp_path)
    (tmp_path / "coco-t" / "coco.json").unlink()
    with pytest.raises(ValueError, match=r"coco-t/coco\.json: no such file"):
        tables.table1(tmp_path, STUDENTS)


def test_markdown_sets_shared_keypoints_in_italics(tmp_path: Path) -> None:
    write_scores(tmp_path)
    lines = tables.as_markdown(tables.table1(tmp_path, STUDENTS)).splitlines()
    assert len(lines) == 10
    assert "| *21.00* (77.62) |" in lines[4]
    assert "| 22.00 (67.99) |" in lines[4]
    assert "*13.00* (53.23)" in lines[3]


def test_teachers_are_printed_with_their_benchmarks(tmp_path: Path) -> None:
    write_scores(tmp_path)
    text = tables.teachers_markdown(tmp_path, {"mpii-t": ["mpii"]})
    assert "| mpii-t | mpii | 12 | PCKh 10.00, PCKh@0.1 10.00 |" in text


def test_published_file_is_the_papers_table_1(shared: Path) -> None:
    ours = pd.read_csv(tables.PUBLISHED / "paper_table1.csv")
    theirs = pd.read_csv(shared / "reference" / "published" / "paper_table1.csv")
    pd.testing.assert_frame_equal(ours, theirs)
