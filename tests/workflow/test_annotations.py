"""Annotations that a teacher extends, and a student of them alone, run for real by Snakemake."""

import json
from typing import Any

import pandas as pd
import pytest
from pycocotools.coco import COCO

import tiny
from conftest import TINY, Workdir
from posecache import samples
from posecache.models import Card

CROPS = {"size": 48}
UNION = "coco17+mpii16"


def experiment() -> dict[str, Any]:
    """A teacher of MPII's keypoints, people with COCO's labels, and no student."""
    labelled = {"format": "coco", "annotations": "labelled/annotations.json", "images": "labelled"}
    return {
        "samples": {"labelled": labelled | {"skeleton": "coco17", "crops": CROPS}},
        "training": {"variant": TINY, "input_size": [32, 32], "epochs": 1, "batch_size": 4},
        "teachers": {
            "zoo": {"weights": "zoo.onnx", "skeleton": "mpii16", "input_size": list(tiny.SIZE)}
        },
        "students": {},
        "benchmarks": {},
        "annotations": {"more": {"samples": "labelled", "by": ["zoo"], "min_score": 0}},
        "active_learning": {"labelled": {"by": ["zoo"], "sheet": 4}},
        "logits": {"chunk_rows": 4, "shard_rows": 4},
    }


NEXT = {
    "extends": "config.yaml",
    "results": "next",
    "cache": "results",
    "samples": {
        "more": {
            "format": "coco",
            "annotations": "results/annotations/more.json",
            "images": "labelled",
            "skeleton": UNION,
            "crops": CROPS,
        }
    },
    "students": {"alone": {"samples": ["more"]}},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A folder in which both experiments have run, one after the other."""
    workdir = Workdir(tmp_path_factory.mktemp("annotations"))
    tiny.write_coco(workdir.path / "labelled")
    tiny.onnx_model(workdir.path / "zoo.onnx", keypoints=16)
    workdir.configure(experiment())
    (workdir.path / "next.yaml").write_text(json.dumps(NEXT))  # YAML as well
    for given in ((), ("--configfile", str(workdir.path / "next.yaml"))):
        done = workdir.snakemake("--cores", "2", *given)
        assert done.returncode == 0, done.stdout + done.stderr
    return workdir


def test_pycocotools_loads_the_annotations(made: Workdir) -> None:
    coco = COCO(str(made.path / "results" / "annotations" / "more.json"))
    assert len(coco.loadCats(1)[0]["keypoints"]) == 21
    origins = [person["keypoint_origins"] for person in coco.loadAnns(coco.getAnnIds())]
    assert {origin for row in origins for origin in row[:17]} == {"label"}
    assert {origin for row in origins for origin in row[17:]} == {"zoo", None}


def test_a_student_of_them_needs_no_teacher(made: Workdir) -> None:
    card = Card.load(made.path / "next" / "models" / "alone" / "card.json")
    assert card.skeleton == UNION
    assert [p.name for p in (made.path / "results" / "models").iterdir()] == ["zoo"]
    visibility = samples.open(made.path / "results" / "samples" / "more").column("visibility")
    assert (visibility[:, 17:] == 1).any()


def test_people_are_ranked(made: Workdir) -> None:
    folder = made.path / "results" / "active_learning"
    frame = pd.read_csv(folder / "labelled.csv")
    assert len(frame) == 10
    assert frame["label_distance"].is_monotonic_decreasing
    assert (folder / "labelled.jpg").stat().st_size > 0


def test_another_threshold_makes_the_annotations_again(made: Workdir) -> None:
    assert made.plan() == set()
    assert made.plan("--configfile", str(made.path / "next.yaml")) == set()

    def stricter(record: dict[str, Any]) -> None:
        record["annotations"]["more"]["min_score"] = 0.5

    path = "results/annotations/more.json"
    assert made.planned(stricter, path) == {path}
