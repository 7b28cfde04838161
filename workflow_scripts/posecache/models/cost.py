"""What a model costs: its parameters, and the multiplications of one forward pass."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Cost:
    """Of one model."""

    parameters: int
    macs: int | None  # multiply-adds of convolutions and matrix products a crop; None: unknown


def cost(path: Path) -> Cost:
    """The cost of an ONNX model, whose first input is (batch, 3, H, W).

    Multiply-adds are unknown where the graph does not tell the shape of a product.
    """
    model = onnx.load(str(path), load_external_data=False)
    weights = [tensor for tensor in model.graph.initializer if tensor.data_type in FLOATS]
    shapes = _shapes(model)
    macs: int | None = None
    with suppress(KeyError):
        macs = sum(_macs(node, shapes) for node in model.graph.node)
    return Cost(sum(prod(tensor.dims) for tensor in weights), macs)


def _shapes(model: ModelProto) -> Shapes:
    """The shape of every value of a graph that is known for a batch of one."""
    graph = model.graph
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for given in graph.input:
        if given.name not in weights and given.type.tensor_type.shape.dim:
            given.type.tensor_type.shape.dim[0].dim_value = 1
    for made in (*graph.output, *graph.value_info):  # they may name the free axis
        made.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found = dict(weights)
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        dims = value.type.tensor_type.shape.dim
        if dims and all(dim.HasField("dim_value") for dim in dims):
            found[value.name] = tuple(dim.dim_value for dim in dims)
    return found


def _macs(node: NodeProto, shapes: Shapes) -> int:
    """Multiply-adds of a node; KeyError where a shape is unknown."""
    if node.op_type == "Conv":  # each output, of (input channels of its group, kernel)
        return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "ConvTranspose":  # each input, into (output channels of its group, kernel)
        return prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "Gemm":
        turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if turned else 1]
    if node.op_type == "MatMul":
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return 0
