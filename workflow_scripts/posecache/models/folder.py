"""A model's folder: model.onnx, weights.pt where they exist, the golden crop, and the card."""

import hashlib
from dataclasses import replace
from pathlib import Path

import posecache
from posecache import files
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, WEIGHTS_FILE, Card
from posecache.models.session import Session


def write_model(folder: Path, card: Card, model: bytes, weights: bytes | None = None) -> Card:
    """Write a model's files and then its card, with the version and the weights' sha256.

    Raises ValueError for a model that ONNX Runtime refuses or whose logits are not finite.
    """
    # An older card must not lie beside the new model for even a moment.
    (folder / CARD_FILE).unlink(missing_ok=True)
    (folder / WEIGHTS_FILE).unlink(missing_ok=True)
    files.write_atomically(folder / MODEL_FILE, model)
    digest = None
    if weights is not None:
        files.write_atomically(folder / WEIGHTS_FILE, weights)
        digest = hashlib.sha256(weights).hexdigest()
    golden.write(folder, Session(folder / MODEL_FILE, card, batch=1))
    finished = replace(card, weights_sha256=digest, posecache=posecache.__version__)
    finished.save(folder / CARD_FILE)
    return finished
