"""The exported file against the PyTorch model."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from posecache.models import RTMPose, Variant
from posecache.models.export import export, to_bytes
from posecache.models.importing import check_graph

SIZE = (64, 96)


@pytest.fixture(scope="module")
def model() -> RTMPose:
    """A small network with uneven batch statistics and logits well away from zero."""
    torch.manual_seed(0)
    network = RTMPose(Variant(deepen=0.167, widen=0.125), 5, SIZE)
    network(torch.randn(4, 3, 96, 64))
    torch.nn.init.normal_(network.head.cls_x.weight)
    torch.nn.init.normal_(network.head.cls_y.weight)
    return network.train()


@pytest.fixture(scope="module")
def exported(model: RTMPose, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export(model, SIZE, path)
    return path


@pytest.mark.parametrize("batch", [1, 3])
def test_onnxruntime_gives_the_models_logits(batch: int, model: RTMPose, exported: Path) -> None:
    images = torch.randn(batch, 3, 96, 64, generator=torch.Generator().manual_seed(1))
    model.eval()
    with torch.no_grad():
        expected = model(images)
    model.train()
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    outputs = session.run(["simcc_x", "simcc_y"], {"input": images.numpy()})
    for output, reference in zip(outputs, expected, strict=True):
        assert reference.abs().max() > 1
        np.testing.assert_allclose(output, reference.numpy(), rtol=1e-4, atol=1e-4)


def test_only_the_batch_axis_is_free(exported: Path) -> None:
    graph = onnx.load(exported).graph
    values = [*graph.input, *graph.output]
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in values
    }
    assert shapes == {
        "input": ["batch", 3, 96, 64],
        "simcc_x": ["batch", 5, 128],
        "simcc_y": ["batch", 5, 192],
    }


def test_file_is_valid_and_importable(exported: Path) -> None:
    onnx.checker.check_model(onnx.load(exported), full_check=True)
    check_graph(exported, num_keypoints=5, input_size=SIZE, head="simcc")


def test_equal_weights_give_equal_bytes(model: RTMPose, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "again.onnx").write_bytes(to_bytes(model, SIZE, batch_example=3))
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_model_stays_as_it_is(model: RTMPose, tmp_path: Path) -> None:
    model.head.gau.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export(model, SIZE, tmp_path / "model.onnx")
    assert model.training
    assert not model.head.gau.training
    model.train()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
