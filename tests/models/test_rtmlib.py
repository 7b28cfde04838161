"""An exported student in a client that others wrote: rtmlib.

Its conventions: it feeds the picture as given, so a model trained on RGB needs RGB and not OpenCV's
BGR; a keypoint's score is the mean of the two maxima, where MMPose and we take the smaller one.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import rtmlib

import tiny
from posecache import geometry, simcc
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.datasets.demo.pictures import pictures
from posecache.models.card import MODEL_FILE, Card
from posecache.models.export import OPSET, export
from posecache.models.session import Session
from posecache.samples.pictures import decode, read_image, warp

SIZE = (192, 256)
People = list[tuple[np.ndarray, np.ndarray]]  # picture (H, W, 3) RGB, boxes (N, 4) xywh


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full-size RTMPose-t of the union's 21 keypoints, with made-up weights."""
    path = tmp_path_factory.mktemp("student") / MODEL_FILE
    export(tiny.made_model("t", 21, SIZE), SIZE, path)
    return path


def rendered() -> People:
    return [
        (decode(picture.jpeg), np.array([p.box for p in picture.labels if p.area]))
        for picture in pictures("coco", 6, 1)
    ]


def real(shared: Path) -> People:
    folder = shared / "data" / "coco"
    record = json.loads((folder / "test_coco.json").read_text())
    return [
        (
            read_image(folder / image["file_name"]),
            np.array([a["bbox"] for a in record["annotations"] if a["image_id"] == image["id"]]),
        )
        for image in record["images"]
    ]


def ours(model: Path, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (N, K, 2) in image px, and the means of the two maxima (N, K)."""
    card = Card(
        name="t", sha256="0" * 64, skeleton="coco17+mpii16", input_size=SIZE,
        mean=IMAGENET_MEAN, std=IMAGENET_STD, source="a test",
    )  # fmt: skip
    matrices = geometry.box_matrices(boxes, SIZE)
    cut = np.stack([warp(image, matrix, SIZE) for matrix in matrices.numpy()])
    x, y = Session(model, card, batch=4).run(cut)
    places, _ = simcc.decode(x, y)
    keypoints = geometry.apply(geometry.invert(matrices), places.double()).numpy()
    return keypoints, (x.max(-1) + y.max(-1)) / 2


def compare(model: Path, people: People) -> None:
    client = rtmlib.RTMPose(str(model), SIZE, backend="onnxruntime", device="cpu")
    assert len(people) >= 4
    for image, boxes in people:
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        theirs, scores = client(image, corners.tolist())
        keypoints, means = ours(model, image, boxes)
        assert np.abs(keypoints - theirs).max() < 0.5  # image px
        np.testing.assert_allclose(means, scores, atol=0.05)  # of up to 4, as crops are rounded


def test_keypoints_on_rendered_pictures(exported: Path) -> None:
    compare(exported, rendered())


def test_keypoints_on_real_pictures(exported: Path, shared: Path) -> None:
    compare(exported, real(shared))


def test_the_file_passes_the_checker_and_only_its_batch_is_free(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    assert [entry.version for entry in model.opset_import] == [OPSET]
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.input, *inferred.graph.output)
    }
    assert shapes == {
        "input": ["batch", 3, 256, 192],
        "simcc_x": ["batch", 21, 384],
        "simcc_y": ["batch", 21, 512],
    }
