"""What a user adds without touching a file of the library: each is named as `module:attribute`.

The format, the network, the label loss and the encoding are those of own_parts.py; the table is an
entry of the configuration.
"""

import csv
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import yaml

from conftest import Workdir
from posecache import logits, samples
from posecache.models import Card

SKELETON = {"keypoints": ["top", "tail"], "sigmas": [0.05, 0.05], "links": [["top", "tail"]]}


def draw(folder: Path, split: str, count: int = 8) -> None:
    """Pictures of one stroke each, and a CSV of the strokes' positions."""
    rng, rows = np.random.default_rng(len(split)), []
    (folder / split).mkdir()
    for number in range(count):
        picture = np.full((80, 80, 3), 90, np.uint8)
        x, y = (int(v) for v in rng.integers(30, 50, 2))
        cv2.line(picture, (x, y - 20), (x, y + 20), (30, 160, 220), 5)
        cv2.imwrite(str(folder / split / f"{number}.png"), picture)
        box = {"x": x - 10, "y": y - 25, "w": 20, "h": 50, "head": 12}
        places = {"top_x": x, "top_y": y - 20, "tail_x": x, "tail_y": y + 20}
        rows.append({"image": f"{number}.png", **box, **places})
    with (folder / f"{split}.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def experiment() -> dict[str, Any]:
    entry = {"format": "own_parts:FORMAT", "skeleton": "stroke.yaml"}
    train = {"annotations": "train.csv", "images": "train", "crops": {"size": 48, "context": 1.5}}
    val = {"annotations": "val.csv", "images": "val"}
    return {
        "samples": {"train": entry | train, "val": entry | val},
        "training": {
            "network": "own_parts:NETWORK", "variant": 4, "loss": "own_parts:squared",
            "input_size": [32, 32], "epochs": 1, "batch_size": 4,
        },
        "teachers": {"teacher": {"train": {"samples": ["train"]}}},
        "students": {
            "student": {
                "samples": ["train"],
                "init": {"weights": "teacher", "part": "whole"},
                "distil": {"alpha": 0.5, "teachers": {"teacher": 1.0}},
            }
        },
        "benchmarks": {"strokes": {"samples": "val", "metric": "pckh"}},
        "tables": {
            "own": {
                "mine": {
                    "rows": {"ours": "student", "its teacher": "teacher"},
                    "columns": {"PCKh": ["strokes", "mean"]},
                    "published": "theirs.csv",
                }
            }
        },
        "logits": {"encoding": "own_parts:COARSE", "chunk_rows": 4, "shard_rows": 4},
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one `snakemake` call has made all that the experiment describes."""
    folder = tmp_path_factory.mktemp("own")
    for split in ("train", "val"):
        draw(folder, split)
    (folder / "stroke.yaml").write_text(yaml.safe_dump(SKELETON))
    (folder / "theirs.csv").write_text("model,PCKh\nours,50\n")
    workdir = Workdir(folder)
    workdir.configure(experiment())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        patch.syspath_prepend(str(Path(__file__).parent))
        done = workdir.snakemake("--configfile", str(folder / "config.yaml"), "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


def test_the_format_is_read(made: Path) -> None:
    store = samples.open(made / "samples" / "train")
    assert store.n == 8
    assert len(store.crops(0, 8)) == 8
    assert store.crop_sizes.max() <= 48
    np.testing.assert_allclose(store.column("keypoints")[:, 1, 1] - store.column("box")[:, 1], 45)


def test_the_network_is_trained_exported_and_scored(made: Path) -> None:
    folder = made / "models" / "student"
    assert Card.load(folder / "card.json").input_size == (32, 32)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    x, y = session.run(None, {"input": np.zeros((3, 3, 32, 32), np.float32)})
    assert (x.shape, y.shape) == ((3, 2, 64), (3, 2, 64))
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json", "card.made_from.json", "checkpoint.pt", "curves.png", "golden.npz",
        "history.csv", "model.onnx", "weights.pt",
    ]  # fmt: skip
    score = json.loads((made / "scores" / "student" / "strokes.json").read_text())
    assert score["protocol"]["n"] == 8
    assert 0 <= score["metrics"]["mean"] <= 100


def test_the_label_loss_is_minimised(made: Path) -> None:
    with (made / "models" / "teacher" / "history.csv").open() as file:
        row = next(csv.DictReader(file))
    # Two axes, each a squared distance of two distributions: at most 2 per keypoint and axis.
    assert 0 < float(row["L_CK"]) <= 4
    assert float(row["loss"]) == float(row["L_CK"])


def test_the_encoding_keeps_the_logits(made: Path) -> None:
    store = logits.open(made / "logits" / "teacher" / "train")
    assert store.identity["encoding"] == "own_parts:COARSE"
    assert store.layout.columns["simcc_x"].dtype == "uint8"
    x, _, _ = store.read(slice(0, 8))
    below = x.astype(np.float32).max(-1, keepdims=True) - x
    assert float(np.abs(below * 32 - np.round(below * 32)).max()) < 0.5


def test_the_table_has_the_rows_and_the_published_number(made: Path) -> None:
    with (made / "tables" / "mine.csv").open() as file:
        ours, teacher = csv.DictReader(file)
    assert (ours["model"], ours["ours"], ours["published_PCKh"]) == ("ours", "student", "50.00")
    assert float(ours["difference_PCKh"]) == pytest.approx(float(ours["PCKh"]) - 50)
    assert (teacher["model"], teacher["published_PCKh"]) == ("its teacher", "")
