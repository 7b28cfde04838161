"""Students of labelled people and of a detector's results alone, run for real by Snakemake."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tiny
from conftest import ROOT, TINY, Workdir
from posecache import samples
from posecache.models import Card

STREET = "results/samples/street"


def experiment() -> dict[str, Any]:
    crops = {"size": 48}
    labelled = {"format": "coco", "annotations": "labelled/annotations.json", "images": "labelled"}
    labelled |= {"skeleton": "coco17"}
    street: dict[str, Any]
    street = {"format": "detections", "annotations": "found.json", "images": "street"}
    street |= {"labels": "none", "min_box_score": 0.5}
    distil = {"alpha": 0.5, "teachers": {"zoo": 1.0}}
    return {
        "samples": {
            "labelled": labelled | {"crops": crops},
            "street": street | {"crops": crops},
            "val": labelled,
        },
        "training": {"variant": TINY, "input_size": [32, 32], "epochs": 1, "batch_size": 4},
        "teachers": {
            "zoo": {"weights": "zoo.onnx", "skeleton": "mpii16", "input_size": list(tiny.SIZE)}
        },
        "students": {
            "mixed": {"samples": ["labelled", "street"], "distil": distil},
            "taught": {"samples": ["street"], "distil": distil, "benchmarks": []},
        },
        "benchmarks": {"coco": {"samples": "val", "metric": "oks"}},
        "logits": {"chunk_rows": 4, "shard_rows": 4},
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """A folder in which one `snakemake` call has made all that the experiment describes."""
    workdir = Workdir(tmp_path_factory.mktemp("unlabelled"))
    folder = workdir.path
    tiny.write_coco(folder / "labelled")
    people = json.loads(tiny.write_coco(folder / "street", seed=5).read_text())["annotations"]
    kept = ("image_id", "category_id", "bbox")  # the pictures are called 1.jpg to 5.jpg
    found = [{k: person[k] for k in kept} | {"score": 0.9} for person in people]
    found[0]["score"] = 0.2
    (folder / "found.json").write_text(json.dumps(found))
    tiny.onnx_model(folder / "zoo.onnx", keypoints=16)
    workdir.configure(experiment())
    done = run(workdir)
    assert done.returncode == 0, done.stdout + done.stderr
    return workdir


def run(workdir: Workdir) -> subprocess.CompletedProcess[str]:
    return workdir.snakemake("--cores", "2", "--configfile", str(workdir.path / "config.yaml"))


def history(folder: Path) -> dict[str, float]:
    with (folder / "history.csv").open() as file:
        return {key: float(value) for key, value in next(csv.DictReader(file)).items()}


def test_the_detected_people_are_samples_without_labels(made: Workdir) -> None:
    store = samples.open(made.path / STREET)
    assert (store.n, store.labelled) == (9, False)
    assert len(store.crops(0, 9)) == 9
    assert store.crop_sizes.max() <= 48
    assert samples.open(made.path / "results/samples/labelled").n == 10


def test_the_students_know_what_labels_and_teachers_know(made: Workdir) -> None:
    models = made.path / "results" / "models"
    assert Card.load(models / "mixed" / "card.json").skeleton == "coco17+mpii16"
    assert Card.load(models / "taught" / "card.json").skeleton == "mpii16"
    mixed, taught = history(models / "mixed"), history(models / "taught")
    assert mixed["L_CK"] > 0 == taught["L_CK"]
    assert taught["loss"] == pytest.approx(0.5 * taught["L_D/zoo"], rel=1e-4)
    score = json.loads((made.path / "results/scores/mixed/coco.json").read_text())
    assert score["protocol"]["n"] == 10
    assert not (made.path / "results/scores/taught").exists()


def test_other_detections_are_prepared_and_all_else_stays(made: Workdir) -> None:
    target = "results/models/mixed/card.json"
    assert made.planned(target=target) == set()

    def surer(record: dict[str, Any]) -> None:
        record["samples"]["street"]["min_box_score"] = 0.6

    manifests = {f"{STREET}/manifest.json", "results/logits/zoo/street/manifest.json"}
    assert made.planned(surer, target) == {*manifests, target}


def test_a_student_without_teachers_is_refused_by_hand_too(made: Workdir) -> None:
    command = [sys.executable, str(ROOT / "workflow_scripts" / "train_student.py")]
    command += ["--name", "bare", "--samples", STREET, "--out", "bare"]
    done = subprocess.run(command, cwd=made.path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: samples: {STREET} has no labels, and this model has no teacher"
    )
    assert not (made.path / "bare").exists()
