"""What models cost, against hand-worked numbers and RTMPose's published ones."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper

import tiny
from posecache.models.cost import Cost, cost
from posecache.models.export import export


def saved(path: Path, nodes: list[NodeProto], **weights: tuple[int, ...]) -> Path:
    """A graph over `input` (batch, 3, 8, 10) that gives `out`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["b", 3, 8, 10])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros(s, np.float32), name) for name, s in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


def node(kind: str, *given: str, **attributes: object) -> NodeProto:
    return helper.make_node(kind, list(given), ["out"], **attributes)


def test_a_convolution_counts_each_output(tmp_path: Path) -> None:
    """4 x 5 places, 6 channels, each of 3 channels x 3 x 3."""
    conv = node("Conv", "input", "w", strides=[2, 2], pads=[1, 1, 1, 1])
    found = cost(saved(tmp_path / "m.onnx", [conv], w=(6, 3, 3, 3)))
    assert found == Cost(parameters=162, macs=4 * 5 * 6 * 27)


def test_groups_see_their_own_channels(tmp_path: Path) -> None:
    conv = node("Conv", "input", "w", group=3, pads=[1, 1, 1, 1])
    found = cost(saved(tmp_path / "m.onnx", [conv], w=(3, 1, 3, 3)))
    assert found == Cost(parameters=27, macs=8 * 10 * 3 * 9)


def test_a_transposed_convolution_counts_each_input(tmp_path: Path) -> None:
    conv = node("ConvTranspose", "input", "w", strides=[2, 2])
    found = cost(saved(tmp_path / "m.onnx", [conv], w=(3, 5, 2, 2)))
    assert found == Cost(parameters=60, macs=8 * 10 * 3 * 5 * 4)


def test_matrix_products(tmp_path: Path) -> None:
    product = node("MatMul", "input", "w")
    found = cost(saved(tmp_path / "m.onnx", [product], w=(10, 7)))
    assert found == Cost(parameters=70, macs=3 * 8 * 10 * 7)
    flat = helper.make_node("Flatten", ["input"], ["flat"])
    gemm = node("Gemm", "flat", "w", transB=1)
    found = cost(saved(tmp_path / "g.onnx", [flat, gemm], w=(4, 240)))
    assert found == Cost(parameters=960, macs=240 * 4)


def test_a_product_of_unknown_shape_is_unknown(tmp_path: Path) -> None:
    chosen = helper.make_node("NonZero", ["input"], ["places"])
    cast = helper.make_node("Cast", ["places"], ["floats"], to=TensorProto.FLOAT)
    product = node("MatMul", "w", "floats")
    found = cost(saved(tmp_path / "m.onnx", [chosen, cast, product], w=(2, 4)))
    assert found == Cost(parameters=8, macs=None)


def test_rtmpose_tiny_costs_what_its_authors_say(tmp_path: Path) -> None:
    """0.36 GFLOPs and 3.34 M parameters at 256 x 192. Source: MMPose projects/rtmpose/README.md."""
    with torch.no_grad():
        export(tiny.made_model("t", 17, (192, 256)), (192, 256), tmp_path / "t.onnx")
    found = cost(tmp_path / "t.onnx")
    assert found.macs is not None
    assert found.macs / 1e9 == pytest.approx(0.36, abs=0.01)
    assert found.parameters / 1e6 == pytest.approx(3.34, abs=0.03)
