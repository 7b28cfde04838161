"""Models made elsewhere, checked and given a card: ONNX files (MMDeploy's, rtmlib's, our export's)
and MMPose's checkpoints.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from posecache import files, skeletons
from posecache.inference import RUNTIME_ERRORS, Session
from posecache.models import card as cards
from posecache.models import golden, mmpose_checkpoint
from posecache.models.card import Card
from posecache.models.onnx_export import INPUT, OUTPUTS, to_bytes
from posecache.models.rtmpose import SPLIT_RATIO

CHECKPOINTS = (".pth", ".pt")

BATCH = 2  # of the trial run; a graph that secretly expects one image fails on it


def import_model(
    source: Path,
    folder: Path,
    *,
    name: str,
    skeleton: str,
    input_size: tuple[int, int],
    crop_size: tuple[int, int] | None = None,
    padding: float = 1.25,
    color_order: cards.ColorOrder = "rgb",
    mean: cards.Channels | None = None,
    std: cards.Channels | None = None,
    expected_sha256: str | None = None,
    license: str | None = None,
) -> Card:
    """Bring an ONNX file or an MMPose checkpoint into `folder` as model.onnx; write the card last.

    `input_size` is (width, height) in px; where `crop_size` differs, a crop of that size is
    stretched to it. `mean` and `std`, in `color_order`, are ImageNet's unless given.
    `expected_sha256` is the source's, or its first digits. Raises ValueError for another file than
    expected and for whatever `check_graph` or `mmpose_checkpoint.network` refuse.
    """
    digest = _checked_sha256(source, expected_sha256)
    num_keypoints = skeletons.load(skeleton).num_keypoints
    if source.suffix in CHECKPOINTS:
        model = to_bytes(mmpose_checkpoint.network(source, num_keypoints, input_size))
    else:
        check_graph(source, num_keypoints, input_size, SPLIT_RATIO)
        model = source.read_bytes()
    card = Card(
        name=name,
        sha256=hashlib.sha256(model).hexdigest(),
        skeleton=skeleton,
        input_size=input_size,
        crop_size=crop_size,
        padding=padding,
        color_order=color_order,
        mean=mean or _in_order(cards.IMAGENET_MEAN, color_order),
        std=std or _in_order(cards.IMAGENET_STD, color_order),
        source=f"imported from {source.name} (sha256 {digest})",
        license=license,
    )
    write_model(folder, model, card)
    return card


def write_model(folder: Path, model: bytes, card: Card) -> None:
    """A model's folder: model.onnx, its golden crop, and last its card."""
    # An older card must not lie beside the new model for even a moment.
    (folder / cards.CARD_FILE).unlink(missing_ok=True)
    files.write_whole(folder / cards.MODEL_FILE, model)
    golden.write(folder, Session(folder / cards.MODEL_FILE, card, batch=1))
    card.save(folder / cards.CARD_FILE)


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


def _checked_sha256(source: Path, expected: str | None) -> str:
    if not source.is_file():
        raise ValueError(f"{source}: no such file")
    digest = files.sha256(source)
    if expected is not None and not digest.startswith(expected.lower()):
        raise ValueError(f"{source}: sha256 is {digest}, expected {expected}")
    return digest


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
