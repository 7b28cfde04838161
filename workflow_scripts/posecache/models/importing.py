"""Models made elsewhere are checked and given a card: ONNX files (MMDeploy's, rtmlib's, ours, and
those of heat maps) and MMPose's checkpoints.
"""

import hashlib
import logging
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from posecache import files, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD, SPLIT_RATIO
from posecache.models import checkpoint
from posecache.models.card import Card
from posecache.models.export import INPUT, OUTPUTS, REFINED, to_bytes
from posecache.models.folder import write_model
from posecache.models.networks import Size
from posecache.models.session import RUNTIME_ERRORS
from posecache.models.settings import Channels, ColorOrder, HeadName, Import, is_checkpoint

logger = logging.getLogger(__name__)

NAMED_DIGEST = re.compile(r"-([0-9a-f]{8})(?:_\d{8})?\.\w+$")
BATCH = 2  # of the trial run; a graph that only works for one image fails on it


def import_model(
    source: Path,
    folder: Path,
    *,
    name: str,
    settings: Import,
    crop_size: Size | None = None,
) -> Card:
    """Bring an ONNX file or an MMPose checkpoint into `folder` as model.onnx; write the card last.

    A checkpoint's weights go to weights.pt as well. Where `crop_size`, (width, height) in px,
    differs from the input size, a crop of that size is stretched to it. Raises ValueError for a
    file other than expected and for whatever `check_graph` or `checkpoint.network` refuse.
    """
    digest = _checked_sha256(source, settings.sha256)
    num_keypoints = skeletons.load(settings.skeleton).num_keypoints
    size, weights = settings.input_size, None
    if is_checkpoint(source.name):
        if settings.head != "simcc":
            raise ValueError(f"{source}: `head: {settings.head}` is for ONNX files")
        network = checkpoint.network(source, num_keypoints, size)
        model, weights = to_bytes(network, size), checkpoint.as_bytes(network.state_dict())
    else:
        check_graph(source, num_keypoints, size, settings.head)
        model = source.read_bytes()
    card = Card(
        name=name,
        sha256=hashlib.sha256(model).hexdigest(),
        skeleton=settings.skeleton,
        input_size=size,
        crop_size=crop_size,
        padding=settings.padding,
        color_order=settings.color_order,
        mean=settings.mean or _in_order(IMAGENET_MEAN, settings.color_order),
        std=settings.std or _in_order(IMAGENET_STD, settings.color_order),
        label_offset=settings.label_offset,
        heatmap=settings.heatmap,
        refined=settings.head == "refined",
        source=f"imported from {source.name} (sha256 {digest})",
        license=settings.license,
    )
    written = write_model(folder, card, model, weights)
    if settings.sha256 is None:
        logger.warning("%s: any file is taken; for this one alone: `sha256: %s`", source, digest)
        _compare_with_name(source, digest)
    return written


def check_graph(path: Path, num_keypoints: int, input_size: Size, head: HeadName) -> None:
    """Check that a file takes (batch, 3, H, W), and gives what the head says of K keypoints.

    Only the input's batch axis may be free. The outputs' shapes are those of a trial run, not the
    declared ones: MMDeploy's files leave the keypoint axis undeclared. Raises ValueError naming the
    file, what was found and what was expected.
    """
    graph = _read_graph(path)
    given = _checked_input(path, graph, input_size, head)
    wanted = _checked_outputs(path, graph, head)
    outputs = _trial_run(path, given, wanted, input_size)
    if head == "heatmap":
        _check_maps(path, outputs[0], num_keypoints, input_size)
    else:
        _check_logits(path, dict(zip(wanted, outputs, strict=True)), num_keypoints, input_size)


def _check_logits(
    path: Path, outputs: dict[str, np.ndarray], num_keypoints: int, input_size: Size
) -> None:
    """Check the shapes of SimCC logits, and of what a refined model gives beside them."""
    bins = [(int(side * SPLIT_RATIO),) for side in input_size]
    axes = dict(zip(OUTPUTS + REFINED, [*bins, (2,), ()], strict=True))
    for name, output in outputs.items():
        found = _describe(output.dtype, output.shape)
        expected = _describe(np.float32, (BATCH, num_keypoints, *axes[name]))
        if found != expected:
            raise ValueError(
                f"{path}: {name} of {BATCH} images is {found}, expected {expected} for "
                f"{num_keypoints} keypoints and {SPLIT_RATIO:g} bins per px"
            )


def _check_maps(path: Path, maps: np.ndarray, num_keypoints: int, input_size: Size) -> None:
    """Check the shape of heat maps: a map a keypoint, as many input px a cell on both axes."""
    width, height = input_size
    right = maps.ndim == 4 and maps.dtype == np.float32
    right = right and maps.shape[:2] == (BATCH, num_keypoints)
    if not (right and min(maps.shape[2:]) > 2 and maps.shape[2] * width == maps.shape[3] * height):
        expected = _describe(np.float32, (BATCH, num_keypoints, "h", "w"))
        raise ValueError(
            f"{path}: its output for {BATCH} images is {_describe(maps.dtype, maps.shape)}, "
            f"expected {expected} for {num_keypoints} keypoints, with h / w = {height} / {width}"
        )


def _checked_sha256(source: Path, expected: str | None) -> str:
    if not source.is_file():
        raise ValueError(f"{source}: no such file")
    digest = files.sha256(source)
    if expected is not None and not digest.startswith(expected.lower()):
        raise ValueError(f"{source}: sha256 is {digest}, expected {expected}")
    return digest


def _compare_with_name(source: Path, digest: str) -> None:
    """Warn where a name does not end with the digest's first digits, as those of MMPose's files do.

    Source: MMPose tools/misc/publish_model.py. No more than a warning: a file that was saved again
    after it was published keeps its name.
    """
    named = NAMED_DIGEST.search(source.name)
    if named is not None and not digest.startswith(named[1]):
        logger.warning(
            "%s: its name says that sha256 begins with %s: damaged, or saved anew?",
            source, named[1],
        )  # fmt: skip


def _in_order(rgb: Channels, color_order: ColorOrder) -> Channels:
    red, green, blue = rgb
    return (red, green, blue) if color_order == "rgb" else (blue, green, red)


def _checked_input(path: Path, graph: onnx.GraphProto, input_size: Size, head: HeadName) -> str:
    """The name of the file's one input, whose type and axes are as they should be."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in weights}
    # Files of heat maps come from many exporters, of which each has its own name.
    name = next(iter(inputs), INPUT) if head == "heatmap" else INPUT
    if list(inputs) != [name]:
        expected = "one" if head == "heatmap" else INPUT
        raise ValueError(f"{path}: inputs are {_listed(inputs)}, expected {expected}")
    tensor = inputs[name].type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else "free" for dim in tensor.shape.dim]
    found = _describe(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type), shape)
    width, height = input_size
    expected = _describe(np.float32, ("free", 3, height, width))
    if found != expected:
        raise ValueError(f"{path}: {name} is {found}, expected {expected}")
    return name


def _checked_outputs(path: Path, graph: onnx.GraphProto, head: HeadName) -> list[str]:
    """The names of the outputs that the head reads."""
    outputs = [value.name for value in graph.output]
    if head == "heatmap":
        if len(outputs) != 1:
            raise ValueError(
                f"{path}: outputs are {_listed(outputs)}, expected one for `head: heatmap`"
            )
        return outputs
    wanted = OUTPUTS + REFINED if head == "refined" else OUTPUTS
    if not set(wanted) <= set(outputs):
        hint = " (a file of heat maps needs `head: heatmap`)" if len(outputs) == 1 else ""
        raise ValueError(
            f"{path}: outputs are {_listed(outputs)}, expected {_listed(wanted)}{hint}"
        )
    return wanted


def _read_graph(path: Path) -> onnx.GraphProto:
    try:
        onnx.checker.check_model(path)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"{path}: not a valid ONNX file ({error})") from None
    graph = onnx.load(path, load_external_data=False).graph
    if any(onnx.external_data_helper.uses_external_data(t) for t in graph.initializer):
        raise ValueError(f"{path}: its weights lie in another file, expected one file with all")
    return graph


def _trial_run(path: Path, given: str, wanted: list[str], input_size: Size) -> list[np.ndarray]:
    """The outputs for blank images."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # whatever it would log is also raised as an exception
    width, height = input_size
    blank = np.zeros((BATCH, 3, height, width), np.float32)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return session.run(wanted, {given: blank})
    except RUNTIME_ERRORS as error:
        raise ValueError(f"{path}: cannot be run on {BATCH} images ({error})") from None


def _describe(dtype: npt.DTypeLike, shape: Iterable[int | str]) -> str:
    return f"{np.dtype(dtype).name} ({', '.join(map(str, shape))})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
