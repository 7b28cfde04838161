"""Detectors as rtmlib reads them: tiny ONNX files that find the same box in every picture."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from posecache.predicting.detecting import Detector, kind_of
from posecache.predicting.given import Given

PICTURE = np.zeros((48, 64, 3), np.uint8)
GIVEN = Given(Path("1.jpg"), "1.jpg", 0)
# With their non-maximum suppression: corners in input px and a score; the picture is halved.
DETECTIONS = {"dets": [[[4, 2, 20, 18, 0.9], [0, 0, 8, 8, 0.1], [10, 10, 40, 40, 0.8]]]}
# Centres and sides as shares of the picture, and logits of: nothing, person.
QUERIES = {
    "boxes": [[[0.5, 0.5, 0.5, 0.25], [0.1, 0.1, 0.1, 0.1]]],
    "logits": [[[-9, 3], [-9, -5]]],
}


def detector(path: Path, outputs: dict[str, list[object]]) -> Path:
    """A model of input 32x32 with constant outputs."""
    values = {name: np.array(value, np.float32) for name, value in outputs.items()}
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
        for name, value in values.items()
    ]
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
        for name, value in values.items()
    ]
    shape = [1, 3, 32, 32]
    graph = helper.make_graph(
        nodes, "d", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], infos
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("kind", ["yolox", "rtmdet"])
def test_boxes_are_those_of_the_picture(tmp_path: Path, kind: str) -> None:
    found = Detector(detector(tmp_path / f"{kind}.onnx", DETECTIONS), kind)(GIVEN, PICTURE)
    np.testing.assert_allclose(found.xywh, [[8, 4, 32, 32], [20, 20, 44, 28]])
    assert found.scores.tolist() == [1, 1]


def test_a_detection_transformer(tmp_path: Path) -> None:
    found = Detector(detector(tmp_path / "d.onnx", QUERIES), "rfdetr")(GIVEN, PICTURE)
    np.testing.assert_allclose(found.xywh, [[16, 18, 32, 12]], atol=1e-4)


def test_a_picture_may_hold_nobody(tmp_path: Path) -> None:
    path = detector(tmp_path / "d.onnx", {"dets": [[[4, 2, 20, 18, 0.1]]]})
    assert Detector(path, "yolox")(GIVEN, PICTURE).count == 0


def test_the_name_says_the_kind() -> None:
    names = ("yolox_m_8xb8-300e_humanart.onnx", "rtmdet_nano.onnx", "RF-DETR-base.onnx")
    assert [kind_of(Path(name)) for name in names] == ["yolox", "rtmdet", "rfdetr"]
    with pytest.raises(ValueError, match="expected --detector-kind"):
        kind_of(Path("end2end.onnx"))


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = detector(tmp_path / "yolox.onnx", {"out": [0]})
    with pytest.raises(ValueError, match=r"yolox.onnx: rtmlib cannot run it as yolox"):
        Detector(path, "yolox")
