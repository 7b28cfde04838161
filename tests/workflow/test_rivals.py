"""A rival of Halpe's 26 keypoints in Table 5, by hand: its shoulders are wrong, and the thorax
between them is right."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import Workdir
from posecache import files, skeletons

SIZE = (32, 64)  # input (width, height) px, with two bins a px
CORNER = (18, 0)  # of the crop, in px of the picture, of which it has one a bin
HALPE = skeletons.load("halpe26").keypoints
UNION = {"shared_with": "coco17+mpii16"}
LABELS = {
    "nose": (50, 20),
    "pelvis": (52, 70),
    "left_shoulder": (50, 22),
    "right_shoulder": (50, 42),
}
SAID = LABELS | {"left_shoulder": (60, 34), "right_shoulder": (40, 30)}  # of the same midpoint


def write_model(path: Path) -> None:
    """A model that gives every crop the same logits: peaks at `SAID`, and at 0 for all else."""
    peaks = [np.zeros((1, len(HALPE), 2 * side), np.float32) for side in SIZE]
    for row, name in enumerate(HALPE):
        for axis, place in enumerate(SAID.get(name, CORNER)):
            peaks[axis][0, row, place - CORNER[axis]] = 1
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Reshape", ["mean", "shape"], ["flat"]),
        helper.make_node("Mul", ["flat", "zero"], ["nothing"]),
        *(helper.make_node("Add", ["nothing", f"{n}_peaks"], [f"simcc_{n}"]) for n in "xy"),
    ]
    weights = {"shape": np.array([-1, 1, 1]), "zero": np.zeros(1, np.float32)}
    weights |= {f"{name}_peaks": values for name, values in zip("xy", peaks, strict=True)}
    outputs = zip("xy", SIZE, strict=True)
    graph = helper.make_graph(
        nodes,
        "rival",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["b", 3, *SIZE[::-1]])],
        [
            helper.make_tensor_value_info(f"simcc_{n}", TensorProto.FLOAT, ["b", 26, 2 * side])
            for n, side in outputs
        ],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))


def write_people(folder: Path) -> None:
    """One picture and one person, whose crop of 64x128 px begins at `CORNER`."""
    cv2.imwrite(str(folder / "1.png"), np.zeros((128, 100, 3), np.uint8))
    keypoints = [[*LABELS[name], 2] if name in LABELS else [0, 0, 0] for name in HALPE]
    person = {
        "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 1600.0,
        "bbox": [24.4, 12.8, 51.2, 102.4], "num_keypoints": 4,
        "keypoints": [*np.ravel(keypoints).tolist(), *[0] * 3 * 110],
    }  # fmt: skip
    image = {"id": 1, "file_name": "1.png", "width": 100, "height": 128}
    record = {
        "images": [image],
        "annotations": [person],
        "categories": [{"id": 1, "name": "person"}],
    }
    (folder / "people.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a configuration without students, whose Table 5 has a rival alone."""
    workdir = Workdir(tmp_path_factory.mktemp("rivals"))
    write_people(workdir.path)
    write_model(workdir.path / "rival.onnx")
    people = {"annotations": "people.json", "images": ".", "format": "halpe"}
    rival = {"weights": "rival.onnx", "skeleton": "halpe26", "input_size": list(SIZE)}
    workdir.configure(
        {
            "samples": {"people": people | {"skeleton": "halpe26+mpii16"}},
            "teachers": {"rival": rival},
            "students": {},
            "benchmarks": {"halpe-union21": {"samples": "people", "metric": "oks"} | UNION},
            "tables": {"rivals": {"rival": ["halpe-union21"]}},
            "logits": {"flip": False},
        }
    )
    done = workdir.snakemake("--cores", "2", "results/tables/table5.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    return workdir.path / "results"


def test_the_table_has_its_row(made: Path) -> None:
    """Nose, pelvis and thorax are right, the shoulders 14.4 px off: an OKS of 0.6 and a little."""
    table = pd.read_csv(made / "tables" / "table5.csv")
    (row,) = table.to_dict("records")
    assert (row["model"], row["ours"], row["keypoints"]) == ("rival", "rival", 26)
    assert (row["ap"], row["ap50"], row["ap75"]) == (30.0, 100.0, 0.0)
    assert np.isnan(row["published_ap"])
    last = (made / "tables" / "table5.md").read_text().splitlines()[-1]
    assert last.startswith("| rival | rival | 30.00 (–) | 100.00 (–) | 0.00 (–) |")
    assert last.endswith("| 26 |")


def test_its_score_tells_what_was_derived(made: Path) -> None:
    score = files.read_json(made / "scores" / "rival" / "halpe-union21.json")
    assert score["derived"] == {"thorax": ["left_shoulder", "right_shoulder"]}
    assert len(score["protocol"]["keypoints"]) == 21
