"""What a model's folder holds after it was written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import posecache
import tiny
from posecache.files import sha256
from posecache.models.card import CARD_FILE, MODEL_FILE, WEIGHTS_FILE, Card
from posecache.models.folder import write_model


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_card_tells_the_version_and_the_sha256_of_the_weights(tmp_path: Path) -> None:
    source, folder = tiny.onnx_model(tmp_path / "m.onnx"), tmp_path / "m"
    card = tiny.card(source)
    write_model(folder, card, source.read_bytes(), b"weights")
    assert (folder / MODEL_FILE).read_bytes() == source.read_bytes()
    assert (folder / WEIGHTS_FILE).read_bytes() == b"weights"
    kept = Card.load(folder / CARD_FILE)
    assert kept.weights_sha256 == sha256(folder / WEIGHTS_FILE)
    assert kept.posecache == posecache.__version__
    assert replace(kept, weights_sha256=None, posecache=None) == card


def test_a_model_without_weights_leaves_none_of_the_last_ones(tmp_path: Path) -> None:
    source, folder = tiny.onnx_model(tmp_path / "m.onnx"), tmp_path / "m"
    card = tiny.card(source)
    write_model(folder, card, source.read_bytes(), b"weights")
    write_model(folder, card, source.read_bytes())
    assert names(folder) == ["card.json", "golden.npz", "model.onnx"]
    assert Card.load(folder / CARD_FILE).weights_sha256 is None


def test_a_model_that_is_refused_leaves_the_last_one_as_it_was(tmp_path: Path) -> None:
    folder = tiny.model_folder(tmp_path / "m")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    source = tiny.onnx_model(tmp_path / "new.onnx", scale=np.nan)
    with pytest.raises(ValueError, match="model tiny gives logits that are not finite"):
        write_model(folder, tiny.card(source), source.read_bytes(), b"weights")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert names(tmp_path) == ["m", "new.onnx"]
    with pytest.raises(ValueError, match="ONNX Runtime cannot open it"):
        write_model(tmp_path / "first", tiny.card(source), b"no model")
    assert names(tmp_path) == ["m", "new.onnx"]
