"""Export to ONNX: `input` (NCHW) to `simcc_x` and `simcc_y`, and of a refined network `keypoints`
and `scores`; only the batch axis is free."""

import copy
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from posecache import files
from posecache.models.networks import Size

INPUT = "input"
OUTPUTS = ["simcc_x", "simcc_y"]
REFINED = ["keypoints", "scores"]  # what a refined network gives beside them
OPSET = 17


def export(model: nn.Module, input_size: Size, path: Path) -> None:
    """Write `model` in evaluation mode to `path`, whole or not at all; `model` is not changed."""
    files.write_atomically(path, to_bytes(model, input_size))


def to_bytes(model: nn.Module, input_size: Size, batch_example: int = 2) -> bytes:
    """The content of the ONNX file of `model` in evaluation mode.

    The file takes float32 (batch, 3, H, W) and gives float32 logits (batch, K, 2W), (batch, K, 2H);
    `input_size` is (W, H). A network of four outputs also gives keypoints (batch, K, 2) in input px
    and scores (batch, K). Equal weights give equal bytes. `batch_example` is the batch size of the
    traced forward pass. ValueError for a network of another number of outputs.
    """
    frozen = copy.deepcopy(model).float().cpu().eval()
    width, height = input_size
    graph = _trace(frozen, torch.zeros(batch_example, 3, height, width))
    # The tracer loses the keypoint axis; ONNX's own shape inference finds it again.
    graph = onnx.shape_inference.infer_shapes(graph)
    return graph.SerializeToString(deterministic=True)


def is_refined(model: bytes) -> bool:
    """Whether an ONNX file's content gives keypoints and scores beside its logits."""
    outputs = {value.name for value in onnx.load_from_string(model).graph.output}
    return outputs >= {*OUTPUTS, *REFINED}


def _trace(model: nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    with torch.no_grad():
        count = len(model(example))
    if count not in (len(OUTPUTS), len(OUTPUTS + REFINED)):
        raise ValueError(f"the network has {count} outputs: expected {OUTPUTS}, or {REFINED}, too")
    outputs = (OUTPUTS + REFINED)[:count]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but its successor needs another package
        # (onnxscript).
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in [INPUT, *outputs]},
        )
        return onnx.load(path)
