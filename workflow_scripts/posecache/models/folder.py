"""A model's folder: model.onnx, weights.pt where they exist, the golden crop, and the card."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import posecache
from posecache import files
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, WEIGHTS_FILE, Card
from posecache.models.session import Session


def write_model(folder: Path, card: Card, model: bytes, weights: bytes | None = None) -> Card:
    """Write a model's files and then its card, with the version and the weights' sha256.

    Raises ValueError for a model that ONNX Runtime refuses or whose logits are not finite; whatever
    lies in `folder` then stays as it is.
    """
    digest = None if weights is None else hashlib.sha256(weights).hexdigest()
    finished = replace(card, weights_sha256=digest, posecache=posecache.__version__)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        partial = Path(beside)
        files.write_atomically(partial / MODEL_FILE, model)
        if weights is not None:
            files.write_atomically(partial / WEIGHTS_FILE, weights)
        golden.write(partial, Session(partial / MODEL_FILE, card, batch=1))
        finished.save(partial / CARD_FILE)
        _move(partial, folder)
    return finished


def _move(partial: Path, folder: Path) -> None:
    """Replace the model in `folder` by the one in `partial`, the card last."""
    folder.mkdir(exist_ok=True)
    # An older card must not lie beside the new model for even a moment.
    (folder / CARD_FILE).unlink(missing_ok=True)
    (folder / WEIGHTS_FILE).unlink(missing_ok=True)
    for name in (MODEL_FILE, WEIGHTS_FILE, golden.GOLDEN_FILE, CARD_FILE):
        if (partial / name).exists():
            os.replace(partial / name, folder / name)
    files.sync_folder(folder)
