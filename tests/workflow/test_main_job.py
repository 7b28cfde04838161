"""The whole path from rendered pictures to Table 1, in miniature."""

import csv
import json

import numpy as np

from conftest import TABLE, Workdir
from posecache import logits


def test_table_has_the_papers_eight_rows(finished: Workdir) -> None:
    with (finished.path / TABLE).open() as file:
        rows = list(csv.DictReader(file))
    names = [(row["model"], row["training"]) for row in rows]
    kinds = ["MPII", "MPII*", "COCO*", "Unified"]
    assert names == [(size, kind) for size in ("tiny", "small") for kind in kinds]
    assert [row["keypoints"] for row in rows] == ["16", "16", "17", "21"] * 2
    for row in rows:
        average = (float(row["mpii_pck"]) + float(row["coco_ap"])) / 2
        assert abs(float(row["average"]) - average) < 0.011
    assert (finished.path / "results/tables/table1.md").read_text().count("\n|") >= 9


def test_nothing_is_left_to_do(finished: Workdir) -> None:
    again = finished.snakemake("--cores", "2", TABLE)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_teachers_are_cached_over_both_training_sets(finished: Workdir) -> None:
    for teacher, keypoints in (("teacher-coco", 17), ("teacher-mpii", 16)):
        for sampleset in ("coco-train", "mpii-train"):
            store = logits.open(finished.path / "results/logits" / teacher / sampleset)
            x, y, matrix = store.read(slice(0, store.n))
            assert x.shape == (store.n, 1, keypoints, 128)
            assert y.shape == (store.n, 1, keypoints, 192)
            assert np.isfinite(matrix).all()


def test_history_names_every_loss_part_and_the_waiting(finished: Workdir) -> None:
    path = finished.path / "results/models/unified-t/history.csv"
    with path.open() as file:
        columns = set(next(csv.reader(file)))
    parts = {"L_CK", "L_D/teacher-coco", "L_D/teacher-mpii", "loss"}
    assert parts | {"lr", "grad_norm", "data_wait", "samples_per_s"} <= columns


def test_scores_say_by_which_protocol(finished: Workdir) -> None:
    score = json.loads((finished.path / "results/scores/unified-t/coco.json").read_text())
    assert score["protocol"]["boxes"] == "gt"
    assert score["protocol"]["flip"] is True
    assert len(score["protocol"]["keypoints"]) == 17
    shared = json.loads((finished.path / "results/scores/mpii-t/coco-shared12.json").read_text())
    assert len(shared["protocol"]["keypoints"]) == 12
