"""Checking that a model still gives the cached logits."""

from pathlib import Path

import numpy as np
import torch

from posecache import geometry, samples
from posecache.contract import BETA
from posecache.logits import views
from posecache.logits.store import LogitStore
from posecache.logits.store import open as open_logits
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.samples.pictures import crop_rows
from posecache.samples.store import SampleStore


def check_live(
    folder: Path,
    model: Path,
    sample_folder: Path,
    *,
    num_rows: int = 64,
    limit: float = 1e-3,
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
) -> float:
    """Run the model again on random rows; returns KL(live || cached) in nats.

    It is the mean over rows, views, keypoints and axes. Raises ValueError if it is above `limit`,
    or if store, model and samples do not belong together.
    """
    store = samples.open(sample_folder)
    cached = open_logits(folder, samples=store)
    card = Card.load(model / CARD_FILE)
    if card.sha256 != cached.identity["model"]:
        raise ValueError(
            f"{folder}: made by model {cached.identity['model'][:12]}, "
            f"but {model} is {card.sha256[:12]}"
        )
    session = Session(model / MODEL_FILE, card, batch=8, device=device, threads=threads)
    count = min(num_rows, store.n)
    chosen = np.sort(np.random.default_rng(seed).choice(store.n, count, replace=False))
    mean = float(np.mean([_kl(session, cached, store, int(row)) for row in chosen]))
    if not mean <= limit:
        raise ValueError(
            f"{folder}: KL(live || cached) is {mean:.2e} nats a keypoint's axis over "
            f"{count} rows, limit {limit:.0e}"
        )
    return mean


def _kl(session: Session, cached: LogitStore, store: SampleStore, row: int) -> float:
    """KL(live || cached) of one row, mean over views, keypoints and axes."""
    x, y, matrix = cached.read(slice(row, row + 1))
    cut = views.as_cut(matrix[0], cached.label_offset, flip=cached.flip)
    images = crop_rows([store.picture(row)] * len(cut), cut, session.card.input_size)
    live = session.run_flipped(images) if cached.flip else session.run(images)
    axes = [divergence(a, b[0], cached.beta) for a, b in zip(live, (x, y), strict=True)]
    return float(np.mean(axes))


def divergence(live: np.ndarray, cached: np.ndarray, beta: float = BETA) -> np.ndarray:
    """KL(softmax(beta live) || softmax(beta cached)) of logits (..., W), in nats (...)."""
    p, q = (
        torch.log_softmax(beta * geometry.as_float(a.astype(np.float64)), dim=-1)
        for a in (live, cached)
    )
    return (p.exp() * (p - q)).sum(-1).numpy()
