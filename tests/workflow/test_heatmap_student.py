"""A student distilled from a teacher of heat maps, by one `snakemake` call."""

import json
from pathlib import Path

import heatmaps
import tiny
from conftest import TINY, Workdir
from posecache import logits
from posecache.models import Card
from posecache.models.settings import Heatmap

MAPS = {"udp": True, "softmax": 30}
SAMPLES = {"format": "coco", "annotations": "data/annotations.json", "images": "data",
           "skeleton": "coco17"}  # fmt: skip
EXPERIMENT = {
    "samples": {"train": SAMPLES | {"crops": {"size": 48}}, "val": SAMPLES},
    "training": {"variant": TINY, "input_size": [32, 32], "epochs": 1, "batch_size": 4},
    "teachers": {
        "maps": {
            "weights": "maps.onnx", "skeleton": "coco17", "input_size": list(tiny.SIZE),
            "head": "heatmap", "heatmap": MAPS, "mean": [0, 0, 0], "std": [255, 255, 255],
        }
    },
    "students": {
        "student": {"samples": ["train"], "distil": {"alpha": 0.5, "teachers": {"maps": 1.0}}}
    },
    "benchmarks": {"coco": {"samples": "val", "metric": "oks"}},
}  # fmt: skip


def test_a_teacher_of_heat_maps_is_one_like_any_other(tmp_path: Path) -> None:
    tiny.write_coco(tmp_path / "data")
    heatmaps.heatmap_onnx(tmp_path / "maps.onnx", udp=True)
    workdir = Workdir(tmp_path)
    workdir.configure(EXPERIMENT)
    done = workdir.snakemake("--configfile", str(tmp_path / "config.yaml"), "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / "results"
    assert Card.load(results / "models" / "maps" / "card.json").heatmap == Heatmap(**MAPS)
    x, y, _ = logits.open(results / "logits" / "maps" / "train").read(slice(0, 10))
    assert (x.shape, y.shape) == ((10, 1, 17, tiny.BINS[0]), (10, 1, 17, tiny.BINS[1]))
    history = (results / "models" / "student" / "history.csv").read_text().splitlines()
    row = dict(zip(history[0].split(","), map(float, history[1].split(",")), strict=True))
    assert 0 < row["L_D/maps"] < 10
    score = json.loads((results / "scores" / "student" / "coco.json").read_text())
    assert score["protocol"]["n"] == 10
