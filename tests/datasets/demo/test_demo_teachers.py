"""The demo's teachers that lie in the repository know people whom they were not trained on."""

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import tiny
from demo_config import ROOT
from posecache import config, datasets, logits, samples
from posecache.datasets import Source
from posecache.datasets.demo.files import write
from posecache.datasets.demo.settings import DemoSet
from posecache.models.importing import import_model
from posecache.models.settings import Import
from posecache.scores.benchmarks import evaluate
from posecache.scores.settings import Measure

LARGEST = 3e6  # bytes


@pytest.mark.parametrize(("dataset", "skeleton"), [("coco", "coco17"), ("mpii", "mpii16")])
def test_a_teacher_finds_the_keypoints_of_new_people(
    tmp_path: Path, dataset: str, skeleton: str
) -> None:
    wanted = DemoSet.model_validate({"dataset": dataset, "split": "new", "images": 25, "seed": 77})
    path = write(tmp_path / "data", wanted)
    source = Source(
        format=dataset, annotations=path, image_root=path.parents[1] / "new", skeleton=skeleton
    )
    samples.prepare(datasets.read(source), tmp_path / "samples")
    entry = config.load(ROOT / "config.yaml").imported[f"teacher-{dataset}"]
    given = {key: value for key, value in entry if key in Import.model_fields}
    import_model(ROOT / entry.weights, tmp_path / "model", name=dataset, settings=Import(**given))
    logits.cache(tmp_path / "model", tmp_path / "samples", tmp_path / "logits")
    scores = evaluate(
        "pckh", Measure(metric="pckh"), logits.open(tmp_path / "logits"),
        samples.open(tmp_path / "samples"),
    )  # fmt: skip
    assert scores["metrics"]["mean"] > 82
    assert scores["metrics"]["mean@0.1"] > 29


def test_they_are_small() -> None:
    for name in ("coco", "mpii"):
        assert (ROOT / "teachers" / f"demo-{name}.onnx").stat().st_size < LARGEST


def test_halved_weights_give_the_same_logits(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("demo_teachers", ROOT / "docs/demo_teachers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    whole = tiny.onnx_model(tmp_path / "whole.onnx")
    onnx.save(module.halved(onnx.load(whole)), tmp_path / "half.onnx")
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * whole.stat().st_size
    sessions = [onnxruntime.InferenceSession(tmp_path / f"{n}.onnx") for n in ("whole", "half")]
    shape = [2, *sessions[0].get_inputs()[0].shape[1:]]
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for one, other in zip(*(s.run(None, {"input": image}) for s in sessions), strict=True):
        np.testing.assert_allclose(other, one, atol=2e-3 * np.abs(one).max())
