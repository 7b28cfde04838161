"""ONNX files made elsewhere (MMDeploy, rtmlib) or by our export, checked and given a card."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from posecache import files, skeletons
from posecache.models import card as cards
from posecache.models.card import Card
from posecache.models.onnx_export import INPUT, OUTPUTS

RUNTIME_ERRORS = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.NotImplemented,
    runtime.RuntimeException,
)
BATCH = 2  # of the trial run; a graph that secretly expects one image fails on it


def import_model(
    source: Path,
    folder: Path,
    *,
    name: str,
    skeleton: str,
    input_size: tuple[int, int],
    padding: float = 1.25,
    color_order: cards.ColorOrder = "rgb",
    expected_sha256: str | None = None,
    license: str | None = None,
) -> Card:
    """Copy the ONNX file `source` into `folder` and write its card last.

    `input_size` is (width, height) in px; the normalisation is ImageNet's, as for every RTMPose.
    Raises ValueError for a PyTorch checkpoint, another SHA-256 than expected, and whatever
    `check_graph` refuses.
    """
    _refuse_checkpoint(source)
    model = source.read_bytes()
    card = Card(
        name=name,
        sha256=hashlib.sha256(model).hexdigest(),
        skeleton=skeleton,
        input_size=input_size,
        padding=padding,
        color_order=color_order,
        mean=_in_order(cards.IMAGENET_MEAN, color_order),
        std=_in_order(cards.IMAGENET_STD, color_order),
        source=f"imported from {source.name}",
        license=license,
    )
    if expected_sha256 is not None and card.sha256 != expected_sha256.lower():
        raise ValueError(f"{source}: sha256 is {card.sha256}, expected {expected_sha256}")
    check_graph(source, skeletons.load(skeleton).num_keypoints, input_size, card.split_ratio)
    # An older card must not lie beside the new model for even a moment.
    (folder / cards.CARD_FILE).unlink(missing_ok=True)
    files.write_whole(folder / cards.MODEL_FILE, model)
    card.save(folder / cards.CARD_FILE)
    return card


def check_graph(
    onnx_path: Path, num_keypoints: int, input_size: tuple[int, int], split_ratio: float
) -> None:
    """Check that a file takes `input` (batch, 3, H, W) and gives SimCC logits of K keypoints.

    Only the input's batch axis may be free. The outputs' shapes are those of a trial run, not the
    declared ones: MMDeploy's files leave the keypoint axis undeclared. Raises ValueError naming the
    file, what was found and what was expected.
    """
    _check_declaration(onnx_path, input_size)
    outputs = _trial_run(onnx_path, input_size)
    for name, output, side in zip(OUTPUTS, outputs, input_size, strict=True):
        found = _describe(output.dtype, output.shape)
        expected = _describe(np.float32, (BATCH, num_keypoints, int(side * split_ratio)))
        if found != expected:
            raise ValueError(
                f"{onnx_path}: {name} of {BATCH} images is {found}, expected {expected} for "
                f"{num_keypoints} keypoints and {split_ratio:g} bins per px"
            )


def _refuse_checkpoint(source: Path) -> None:
    if source.suffix in (".pth", ".pt"):
        raise ValueError(
            f"{source}: a PyTorch checkpoint, but posecache imports ONNX files; load RTMPose "
            "weights into posecache.models.RTMPose, whose state-dict names are MMPose's, and "
            "write them with posecache.models.onnx_export.export"
        )


def _in_order(rgb: cards.Channels, color_order: cards.ColorOrder) -> cards.Channels:
    red, green, blue = rgb
    return (red, green, blue) if color_order == "rgb" else (blue, green, red)


def _check_declaration(path: Path, input_size: tuple[int, int]) -> None:
    """Names of inputs and outputs, and the input's type and axes, as the file declares them."""
    graph = _read_graph(path)
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in weights}
    if list(inputs) != [INPUT]:
        raise ValueError(f"{path}: inputs are {_listed(inputs)}, expected {INPUT}")
    outputs = [value.name for value in graph.output]
    if not set(OUTPUTS) <= set(outputs):
        raise ValueError(f"{path}: outputs are {_listed(outputs)}, expected {_listed(OUTPUTS)}")
    tensor = inputs[INPUT].type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else "free" for dim in tensor.shape.dim]
    found = _describe(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type), shape)
    width, height = input_size
    expected = _describe(np.float32, ("free", 3, height, width))
    if found != expected:
        raise ValueError(f"{path}: {INPUT} is {found}, expected {expected}")


def _read_graph(path: Path) -> onnx.GraphProto:
    try:
        onnx.checker.check_model(path)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"{path}: not a valid ONNX file ({error})") from None
    graph = onnx.load(path, load_external_data=False).graph
    if any(onnx.external_data_helper.uses_external_data(t) for t in graph.initializer):
        raise ValueError(f"{path}: its weights lie in another file, expected one file with all")
    return graph


def _trial_run(path: Path, input_size: tuple[int, int]) -> list[np.ndarray]:
    """The outputs for blank images."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would log comes as an exception too
    width, height = input_size
    blank = np.zeros((BATCH, 3, height, width), np.float32)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return session.run(OUTPUTS, {INPUT: blank})
    except RUNTIME_ERRORS as error:
        raise ValueError(f"{path}: cannot be run on {BATCH} images ({error})") from None


def _describe(dtype: npt.DTypeLike, shape: Iterable[int | str]) -> str:
    return f"{np.dtype(dtype).name} ({', '.join(map(str, shape))})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
