"""The whole workflow over real COCO, MPII and Halpe pictures, with networks of full size.

Two RTMPose-m teachers with made-up weights, in checkpoints like the zoo's, and an RTMPose-t
student trained for two steps: the numbers mean nothing, but every path is the real one.
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch

import tiny
from conftest import Workdir
from posecache import geometry, logits, samples
from posecache.models import Card
from posecache.tables.specs import TABLES

STUDENT = "rtmpose-t-unified"
ROLES = ("mpii", "coco", "combined", "unified", "coco-short", "combined-short", "unified-short")
EXPECTED = {f"table{n}" for n in range(1, 6)} | {"report_table2", "report_table4"}


def made_teachers(folder: Path) -> None:
    for name, keypoints, size in (("coco", 17, (192, 256)), ("mpii", 16, (256, 256))):
        model = tiny.made_model("m", keypoints, size)
        meta = {"epoch": np.int64(420), "dataset_meta": {"sigmas": np.full(keypoints, 0.1)}}
        torch.save({"meta": meta, "state_dict": model.state_dict()}, folder / f"{name}.pth")
    student = tiny.made_model("t", 26, (192, 256))  # of another dataset: its backbone is taken
    torch.save({"state_dict": student.state_dict()}, folder / "backbone.pth")


def made_head_boxes(data: Path, folder: Path) -> None:
    """mpii_gt_val.mat for the five people, with heads from neck to head top."""
    people = json.loads((data / "mpii" / "test_mpii.json").read_text())
    joints = np.array([p["joints"] for p in people])
    neck, top = joints[:, 8], joints[:, 9]
    corners = np.stack([np.minimum(neck, top) - 5, np.maximum(neck, top) + 5], axis=1)
    missing = 1 - np.array([p["joints_vis"] for p in people])
    content = {"headboxes_src": corners.transpose(1, 2, 0), "jnt_missing": missing.T}
    scipy.io.savemat(str(folder / "gt.mat"), content | {"pos_gt_src": joints.transpose(1, 2, 0)})


def experiment(data: Path) -> dict[str, Any]:
    coco = {
        "format": "coco",
        "annotations": str(data / "coco" / "test_coco.json"),
        "images": str(data / "coco"),
        "skeleton": "coco17",
    }
    mpii = {
        "format": "mpii",
        "annotations": str(data / "mpii" / "test_mpii.json"),
        "images": str(data / "mpii"),
        "skeleton": "mpii16",
    }
    crops = {"crops": {"size": 384, "context": 1.5}}
    teacher = {"weights": "mpii.pth", "skeleton": "mpii16", "input_size": [256, 256]}
    return {
        "samples": {
            "coco-train": coco | crops,
            "mpii-train": mpii | crops,
            "coco-val": coco | {"boxes": str(data / "coco" / "test_coco_det_AP_H_56.json")},
            "mpii-val": mpii | {"head_boxes": "gt.mat"},
            "halpe-val": coco
            | {
                "format": "halpe",
                "annotations": str(data / "halpe" / "test_halpe.json"),
                "skeleton": "halpe26+mpii16",
            },
        },
        "training": {"variant": "t", "batch_size": 16, "epochs": 2, "final_epochs": 1},
        "teachers": {
            "coco": {"weights": "coco.pth", "skeleton": "coco17", "input_size": [192, 256]},
            "mpii": teacher,
            "mpii-stretch": teacher | {"crop": "stretch"},
        },
        "students": {
            STUDENT: {
                "samples": ["coco-train", "mpii-train"],
                "init": "backbone.pth",
                "distil": {"alpha": 0.30, "teachers": {"coco": 0.45, "mpii": 0.25}},
            }
        },
        "benchmarks": {
            "coco": {"samples": "coco-val", "metric": "oks"},
            "coco-shared12": {"samples": "coco-val", "metric": "oks", "shared_with": "mpii16"},
            "mpii": {"samples": "mpii-val", "metric": "pckh"},
            "mpii-shared12": {"samples": "mpii-val", "metric": "pckh", "shared_with": "coco17"},
            "halpe-union21": {
                "samples": "halpe-val",
                "metric": "oks",
                "shared_with": "coco17+mpii16",
            },
        },
        "tables": {
            "paper": {
                "tiny": dict.fromkeys(ROLES, STUDENT),
                "I": {"coco": "coco", "mpii": "mpii"},
            },
        },
        "logits": {"batch": 16},
    }


@pytest.fixture(scope="module")
def run(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    workdir = Workdir(tmp_path_factory.mktemp("real"))
    made_teachers(workdir.path)
    made_head_boxes(shared / "data", workdir.path)
    workdir.configure(experiment(shared / "data"))
    stretched = "results/logits/mpii-stretch/mpii-train/manifest.json"
    config = str(workdir.path / "config.yaml")
    done = workdir.snakemake("--configfile", config, "--cores", "2", "all", stretched)
    assert done.returncode == 0, done.stdout + done.stderr
    return workdir


def test_every_table_is_there(run: Workdir) -> None:
    folder = run.path / "results" / "tables"
    assert {path.stem for path in folder.glob("*.csv")} == EXPECTED
    for name in EXPECTED:
        with (folder / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == sum(row.model.startswith(("tiny", "I.")) for row in TABLES[name].rows)
        assert (folder / f"{name}.md").read_text().count("\n|") == len(rows) + 2


def test_the_protocols_are_the_papers(run: Workdir) -> None:
    scores = run.path / "results" / "scores" / STUDENT
    coco, halpe, mpii = (
        json.loads((scores / f"{name}.json").read_text())["protocol"]
        for name in ("coco", "halpe-union21", "mpii")
    )
    assert coco["boxes"].startswith("test_coco_det_AP_H_56.json (sha256 ")
    assert coco["n"] == 118
    assert (halpe["boxes"], mpii["boxes"], mpii["n"]) == ("gt", "gt", 5)
    assert len(halpe["keypoints"]) == len(halpe["sigmas"]) == 21


def test_two_full_size_teachers_are_cached_each_at_its_own_size(run: Workdir) -> None:
    for name, keypoints, width in (("coco", 17, 384), ("mpii", 16, 512)):
        for sampleset, rows in (("coco-train", 12), ("mpii-train", 5)):
            store = logits.open(run.path / "results" / "logits" / name / sampleset)
            x, y, _ = store.read(slice(0, store.n))
            assert x.shape == (rows, 1, keypoints, width)
            assert y.shape == (rows, 1, keypoints, 512)
            assert 0.5 < float(np.abs(x).max()) < 100


def test_a_stretched_crop_is_the_students_drawn_wider(run: Workdir) -> None:
    store = logits.open(run.path / "results" / "logits" / "mpii-stretch" / "mpii-train")
    boxes = samples.open(run.path / "results" / "samples" / "mpii-train").column("box")
    upright = geometry.box_matrices(boxes, (192, 256))
    wider = geometry.compose(np.array([[255 / 191, 0, 0], [0, 1, 0]]), upright)
    np.testing.assert_allclose(store.read(slice(0, store.n))[2][:, 0], wider)


def test_the_student_took_two_finite_steps_and_is_exported(run: Workdir) -> None:
    folder = run.path / "results" / "models" / STUDENT
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert all(float(row["loss"]) > 0 for row in rows)
    card = Card.load(folder / "card.json")
    assert (card.skeleton, card.input_size) == ("coco17+mpii16", (192, 256))
