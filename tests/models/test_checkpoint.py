"""Checkpoints structured as the model zoo's, made here with random weights."""

import collections
import datetime
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import posecache
from posecache import skeletons
from posecache.files import sha256
from posecache.models import Card, RTMPose
from posecache.models.checkpoint import as_bytes, load_into, network
from posecache.models.importing import import_model
from posecache.models.settings import Import

SIZE = (64, 64)


@pytest.fixture
def foreign() -> Iterator[types.ModuleType]:
    """MMEngine's classes, importable while a file is written and gone when it is read."""
    name = "mmengine.logging.history_buffer"
    modules = [types.ModuleType(n) for n in ("mmengine", "mmengine.logging", name)]
    buffer = type("HistoryBuffer", (), {"__module__": name, "__qualname__": "HistoryBuffer"})
    config = type("ConfigDict", (dict,), {"__module__": name, "__qualname__": "ConfigDict"})
    modules[-1].__dict__.update(HistoryBuffer=buffer, ConfigDict=config)
    sys.modules.update({module.__name__: module for module in modules})
    yield modules[-1]
    for module in modules:
        sys.modules.pop(module.__name__, None)


def zoo_record(model: RTMPose, library: Any) -> dict[str, Any]:
    """What MMEngine pickles beside the weights: numpy metadata, history, other weights."""
    history = library.HistoryBuffer()
    history.__dict__["_log_history"] = np.arange(4.0)
    others = {f"module.{k}": torch.zeros_like(v) for k, v in model.state_dict().items()}
    return {
        "meta": {
            "epoch": np.int64(420),
            "cfg": "model = dict(type='TopdownPoseEstimator')",
            "dataset_meta": {"sigmas": np.full(17, 0.1), "flip_pairs": [[1, 2]], "name": "coco"},
            "cfg_dict": library.ConfigDict(lr=0.004),
        },
        "state_dict": collections.OrderedDict(model.state_dict()),
        "ema_state_dict": others | {"steps": torch.tensor(7)},
        "message_hub": {"log_scalars": {"train/loss": history}, "time": np.float64(1.5)},
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    }


def made_model(variant: str = "t", keypoints: int = 17) -> RTMPose:
    torch.manual_seed(3)
    model = RTMPose(variant, keypoints, SIZE).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model


def same(a: RTMPose, b: RTMPose) -> bool:
    x = torch.randn(2, 3, SIZE[1], SIZE[0])
    with torch.no_grad():
        return all(torch.equal(p, q) for p, q in zip(a(x), b(x), strict=True))


@pytest.mark.parametrize("variant", ["t", "s", "m"])
def test_a_zoo_file_gives_the_averaged_network(tmp_path: Path, variant: str, foreign: Any) -> None:
    model = made_model(variant)
    torch.save(zoo_record(model, foreign), tmp_path / "zoo.pth")
    for name in ("mmengine.logging.history_buffer", "mmengine.logging", "mmengine"):
        del sys.modules[name]
    assert same(network(tmp_path / "zoo.pth", 17, SIZE), model)


@pytest.mark.parametrize("form", ["bare", "parallel", "averages beside", "old format"])
def test_other_forms_give_the_same_network(tmp_path: Path, form: str) -> None:
    model = made_model()
    state: dict[str, Any] = dict(model.state_dict())
    if form == "parallel":
        state = {f"module.{name}": weight for name, weight in state.items()}
    if form == "averages beside":
        state |= {f"ema_{n.replace('.', '_')}": w + 1 for n, w in model.state_dict().items()}
        state["data_preprocessor.mean"] = torch.zeros(3, 1, 1)
    record = state if form == "bare" else {"state_dict": state}
    zipped = form != "old format"
    torch.save(record, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)
    assert same(network(tmp_path / "m.pth", 17, SIZE), model)


def change(tmp_path: Path, name: str, weight: torch.Tensor | None) -> Path:
    state = dict(made_model().state_dict())
    state.pop(name, None)
    if weight is not None:
        state[name] = weight
    torch.save({"state_dict": state}, tmp_path / "m.pth")
    return tmp_path / "m.pth"


@pytest.mark.parametrize(
    ("name", "weight", "message"),
    [
        ("teacher.backbone.x", torch.zeros(1), r"unexpected entry teacher.backbone.x"),
        ("head.final_layer.weight", None, r"no RTMPose checkpoint, it has no head.final_layer"),
        ("head.gau.o.weight", None, r"no RTMPose-t, .* differs in 1 entries, .* head.gau.o.weight"),
        ("head.extra.weight", torch.zeros(1), r".*differs in 1 entries, .* head.extra.weight"),
        ("head.gau.o.weight", torch.zeros(256, 8), r".*differs in 1 entries, .* head.gau.o.weight"),
    ],
)
def test_loading_is_strict(
    tmp_path: Path, name: str, weight: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"m\.pth: {message}"):
        network(change(tmp_path, name, weight), 17, SIZE)


def test_another_skeleton_or_size_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": made_model().state_dict()}, tmp_path / "m.pth")
    with pytest.raises(ValueError, match=r"m\.pth: predicts 17 keypoints, expected 16"):
        network(tmp_path / "m.pth", 16, SIZE)
    with pytest.raises(ValueError, match=r"m\.pth: its input size is \(64, 64\), expected \(96"):
        network(tmp_path / "m.pth", 17, (96, 64))


class Evil:
    """Runs a command if its pickle is trusted."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("foreign", ["posix.system", "datetime.date"])
def test_no_code_of_the_file_is_run_and_nobody_is_told_to(
    tmp_path: Path, zipped: bool, foreign: str
) -> None:
    evil = Evil(tmp_path / "marker") if foreign == "posix.system" else datetime.date(2026, 1, 1)
    path = tmp_path / "m.pth"
    record = {"state_dict": made_model().state_dict(), "meta": evil}
    torch.save(record, path, _use_new_zipfile_serialization=zipped)
    if zipped and foreign == "datetime.date":  # of which an empty record is made
        network(path, 17, SIZE)
        return
    told = f"it needs {foreign}, and no code is run to read weights"
    with pytest.raises(ValueError, match=rf"m\.pth: cannot be read as a checkpoint \({told}\)$"):
        network(path, 17, SIZE)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80half", "half"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "m.pth"
    torch.save({"state_dict": made_model().state_dict()}, path)
    path.write_bytes(content if isinstance(content, bytes) else path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"m\.pth: cannot be read as a checkpoint"):
        network(path, 17, SIZE)
    with pytest.raises(ValueError, match=r"absent\.pth: no such file"):
        network(tmp_path / "absent.pth", 17, SIZE)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[RTMPose, Path, Card]:
    """A network, the model's folder imported from its checkpoint, and the card returned."""
    folder, model = tmp_path_factory.mktemp("imported"), made_model(keypoints=16)
    torch.save({"state_dict": model.state_dict()}, folder / "m.pth")
    how = Import(skeleton="mpii16", input_size=SIZE)
    card = import_model(folder / "m.pth", folder / "m", name="m", settings=how, crop_size=(48, 64))
    return model, folder / "m", card


def test_import_exports_it_with_a_card(imported: tuple[RTMPose, Path, Card]) -> None:
    _, folder, card = imported
    kept = Card.load(folder / "card.json")
    assert kept == replace(
        card, weights_sha256=sha256(folder / "weights.pt"), posecache=posecache.__version__
    )
    assert card.sha256 == sha256(folder / "model.onnx")
    assert card.crop_size == (48, 64)
    assert "m.pth" in card.source
    assert skeletons.load(card.skeleton).num_keypoints == 16


def test_an_imported_checkpoints_weights_make_the_network_again(
    imported: tuple[RTMPose, Path, Card],
) -> None:
    model, folder, _ = imported
    fresh = RTMPose("t", 16, SIZE).eval()
    assert not same(fresh, model)
    load_into(fresh, folder / "weights.pt", "whole")
    assert same(fresh, model)
    assert same(network(folder / "weights.pt", 16, SIZE), model)


def test_whole_weights_of_other_keypoints_are_refused_in_one_line(
    imported: tuple[RTMPose, Path, Card],
) -> None:
    fresh = RTMPose("t", 17, SIZE)
    before = {name: weight.clone() for name, weight in fresh.state_dict().items()}
    with pytest.raises(ValueError, match=r"weights\.pt: its network is not this model's") as error:
        load_into(fresh, imported[1] / "weights.pt", "whole")
    assert str(error.value).endswith(
        "2 entries differ, the first of which is head.final_layer.weight"
    )
    assert "\n" not in str(error.value)
    assert all(torch.equal(before[name], weight) for name, weight in fresh.state_dict().items())


def test_a_network_without_a_backbone_has_nothing_to_start_from(
    imported: tuple[RTMPose, Path, Card],
) -> None:
    with pytest.raises(ValueError, match=r"weights\.pt: this network has no part named backbone"):
        load_into(torch.nn.Linear(2, 2), imported[1] / "weights.pt", "backbone")


def test_any_networks_weights_are_kept_by_name(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    (tmp_path / "weights.pt").write_bytes(as_bytes(network.state_dict()))
    kept = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert list(kept) == list(network.state_dict())
    fresh = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    load_into(fresh, tmp_path / "weights.pt", "whole")
    for name, weight in network.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], weight)


def test_a_backbone_is_loaded_without_its_head(tmp_path: Path) -> None:
    source, model = made_model(keypoints=26), RTMPose("t", 17, SIZE)
    state = {k: v for k, v in source.state_dict().items() if k.startswith("backbone.")}
    torch.save({"state_dict": state | {"head.other": torch.zeros(1)}}, tmp_path / "b.pth")
    before = {name: weight.clone() for name, weight in model.head.state_dict().items()}
    load_into(model, tmp_path / "b.pth", "backbone")
    for name, weight in model.backbone.state_dict().items():
        assert torch.equal(weight, source.backbone.state_dict()[name])
    for name, weight in model.head.state_dict().items():
        assert torch.equal(weight, before[name])
    with pytest.raises(ValueError, match=r"b\.pth: its backbone is not this model's"):
        load_into(RTMPose("s", 17, SIZE), tmp_path / "b.pth", "backbone")
