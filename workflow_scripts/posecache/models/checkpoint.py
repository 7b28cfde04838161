"""Weights as files: MMPose's checkpoints, and weights.pt, which uses MMPose's names too.

Only weights are read; whatever else is pickled in the file is never run.

Source of the layout: MMEngine runner/checkpoint.py and hooks/ema_hook.py. With an EMA hook the
averaged weights are those under `state_dict`; `ema_state_dict` then holds the others.
"""

import io
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posecache.models.networks.rtmpose import SPLIT_RATIO, RTMPose
from posecache.models.networks.variant import VARIANTS
from posecache.models.settings import Part

BACKBONE = "backbone."
NETWORK = (BACKBONE, "head.")
# Buffers that older frameworks keep beside the weights: running averages, input normalisation.
BESIDE = ("ema_", "data_preprocessor.")
REFINER = "refiner."  # what refines a model, and is drawn anew where the file has none


class InertArray:
    """Stands in for NumPy's classes and functions: none of their code is run, nothing is kept."""

    def __new__(cls, *_: Any) -> "InertArray":
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass


class InertRecord:
    """Stands in for other foreign classes: a plain dictionary, which the unpickler can fill."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


def network(path: Path, num_keypoints: int, input_size: tuple[int, int]) -> RTMPose:
    """The RTMPose whose weights a checkpoint holds, in evaluation mode; its variant is recognised.

    `input_size` is (width, height) in px. Raises ValueError naming the file for anything but an
    RTMPose of this many keypoints and this input size.
    """
    weights = _network_weights(path)
    _check_head(path, weights, num_keypoints, input_size)
    differing = []
    for variant in VARIANTS:
        with torch.device("meta"):
            model = RTMPose(variant, num_keypoints, input_size)
        differing.append(_differing(model.state_dict(), weights))
        if not differing[-1]:
            model.to_empty(device="cpu").load_state_dict(weights, strict=True)
            return model.eval()
    nearest = min(differing, key=len)
    raise ValueError(
        f"{path}: no RTMPose-{', -'.join(VARIANTS)}: the nearest differs in {len(nearest)} "
        f"entries, the first of which is {nearest[0]}"
    )


def _differing(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Names of the entries that only one of them has, or that differ in shape."""
    shapes = [{name: t.shape for name, t in side.items()} for side in (wanted, found)]
    return [name for name in shapes[0] | shapes[1] if shapes[0].get(name) != shapes[1].get(name)]


def as_bytes(state: Mapping[str, Tensor]) -> bytes:
    """The content of weights.pt: every weight of a `state_dict` by its name in MMPose."""
    buffer = io.BytesIO()
    torch.save({name: weight.cpu().contiguous() for name, weight in state.items()}, buffer)
    return buffer.getvalue()


def load_into(model: nn.Module, path: Path, part: Part) -> None:
    """Load a file's weights, strictly, into all of `model` or only into its backbone.

    Raises ValueError naming the file and the first entry that differs in name or shape.
    """
    weights = {k: v for k, v in _state_dict(path).items() if not k.startswith(BESIDE)}
    target = model
    if part == "backbone":
        if not hasattr(model, "backbone"):
            raise ValueError(f"{path}: this network has no part named backbone to start from")
        weights = {
            name.removeprefix(BACKBONE): weight
            for name, weight in weights.items()
            if name.startswith(BACKBONE)
        }
        target = model.get_submodule("backbone")
    own: Mapping[str, Tensor] = target.state_dict()
    if not (_refined(own) and _refined(weights)):
        own, weights = _coarse(own), _coarse(weights)
    differing = _differing(own, weights)
    if differing:
        noun = "backbone" if part == "backbone" else "network"
        raise ValueError(
            f"{path}: its {noun} is not this model's: {len(differing)} entries differ, the first "
            f"of which is {differing[0]}"
        )
    target.load_state_dict(weights, strict=False)


def _refined(state: Mapping[str, Tensor]) -> bool:
    """Whether a refiner is among the weights."""
    return any(name.startswith(REFINER) for name in state)


def _coarse(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights but those of a refiner."""
    return {name: weight for name, weight in state.items() if not name.startswith(REFINER)}


def _network_weights(path: Path) -> dict[str, Tensor]:
    """The weights of backbone and head; anything unknown beside them is an error."""
    weights = {}
    for name, weight in _state_dict(path).items():
        if name.startswith(NETWORK):
            weights[name] = weight
        elif not name.startswith(BESIDE):
            raise ValueError(f"{path}: unexpected entry {name}, expected backbone.* and head.*")
    return weights


def _state_dict(path: Path) -> dict[str, Tensor]:
    """Every weight by its name, without the prefix `module.` of parallel training."""
    record = _unpickle(path)
    state = record.get("state_dict", record) if isinstance(record, dict) else {}
    found = {k: v for k, v in state.items() if isinstance(v, Tensor)}
    if not found:
        raise ValueError(f"{path}: no checkpoint, it holds no weights under `state_dict`")
    return {name.removeprefix("module."): weight for name, weight in found.items()}


def _unpickle(path: Path) -> Any:
    """The file's content, in which every class but PyTorch's own has become inert."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        # Files older than PyTorch 1.6 are not ZIP files; their foreign classes cannot be listed.
        zipped = zipfile.is_zipfile(path)
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else []
        inert: list[Callable[..., Any] | tuple[Callable[..., Any], str]]
        inert = [(InertArray if n.startswith("numpy.") else InertRecord, n) for n in foreign]
        with torch.serialization.safe_globals(inert), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle's versions
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a broken file leads the unpickler to
        raise ValueError(f"{path}: cannot be read as a checkpoint ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    """What PyTorch's message says about the file; the rest advises running the file's code."""
    text = " ".join(str(error).split())
    foreign = re.search(r"GLOBAL (\S+)", text)
    if foreign is not None:
        return f"it needs {foreign[1]}, and no code is run to read weights"
    return text.rpartition("WeightsUnpickler error: ")[2].partition(" Check the documentation")[0]


def _check_head(
    path: Path, weights: dict[str, Tensor], num_keypoints: int, input_size: tuple[int, int]
) -> None:
    """Check that the numbers of keypoints and bins are those that the user names."""
    sizes = []
    for name in ("head.final_layer.weight", "head.cls_x.weight", "head.cls_y.weight"):
        if name not in weights:
            raise ValueError(f"{path}: no RTMPose checkpoint, it has no {name}")
        sizes.append(weights[name].shape[0])
    keypoints, found = sizes[0], (sizes[1] // SPLIT_RATIO, sizes[2] // SPLIT_RATIO)
    if keypoints != num_keypoints:
        raise ValueError(f"{path}: predicts {keypoints} keypoints, expected {num_keypoints}")
    if found != input_size:
        raise ValueError(f"{path}: its input size is {found}, expected {input_size}")
