"""What a store holds, in a screenful, and whether a model still gives what is cached."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from posecache import files, geometry, logits, samples
from posecache.crops import crop_rows
from posecache.inference import Session
from posecache.ledger import BY_SHARD, OWN
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.store import Layout, manifest_path, noted

BETA = 10.0  # of softmax(10 * logits)


def describe(folder: Path) -> str:
    """A sealed store in a screenful; ValueError if there is none."""
    manifest = files.read_json(manifest_path(folder))
    layout = Layout.parse(manifest["layout"])
    stored = sum(facts["bytes"] for _, facts in noted(manifest))
    lines = [f"{folder}: {layout.kind}, {layout.rows} rows in {layout.shards} shards"]
    lines += [
        f"  {name:12} {column.dtype:8} {(layout.rows, *column.shape)}"
        f"{'' if column.shuffle is None else ', Zstandard'}"
        for name, column in layout.columns.items()
    ]
    raw = layout.rows * layout.row_bytes
    share = f", {stored / raw:.0%} of the arrays' {_size(raw)}" if not layout.ragged else ""
    lines.append(f"on disk {_size(stored)}{share}")
    made = {k: v for k, v in manifest["runtime"].items() if k != BY_SHARD}
    about = {k: v for k, v in manifest.items() if k not in OWN and k != "image_paths"}
    for title, record in (
        ("about", about), ("made from", manifest["identity"]), ("made by", made),
    ):  # fmt: skip
        lines += [f"{title}:", *(f"  {key}: {_short(value)}" for key, value in record.items())]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 70 else f"{text[:67]}..."


def _size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"


def check_live(
    folder: Path,
    model: Path,
    sample_folder: Path,
    *,
    rows: int = 64,
    limit: float = 1e-3,
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
) -> float:
    """Run the model again on random rows: the mean KL(live || cached) of a keypoint's axis, nats.

    Raises ValueError if it is above `limit`, and if store, model and samples are of other ones.
    """
    store = samples.open(sample_folder)
    cached = logits.open(folder, samples=store)
    card = Card.load(model / CARD_FILE)
    if card.sha256 != cached.identity["model"]:
        raise ValueError(
            f"{folder}: made by model {cached.identity['model'][:12]}, "
            f"but {model} is {card.sha256[:12]}"
        )
    session = Session(model / MODEL_FILE, card, batch=8, device=device, threads=threads)
    count = min(rows, store.n)
    chosen = np.sort(np.random.default_rng(seed).choice(store.n, count, replace=False))
    mean = float(np.mean([_kl(session, cached, store, int(row)) for row in chosen]))
    if not mean <= limit:
        raise ValueError(
            f"{folder}: KL(live || cached) is {mean:.2e} nats a keypoint's axis over "
            f"{count} rows, limit {limit:.0e}"
        )
    return mean


def _kl(session: Session, cached: logits.LogitStore, store: samples.SampleStore, row: int) -> float:
    """KL(live || cached) of one row, mean over views, keypoints and axes."""
    x, y, matrix = cached.read(slice(row, row + 1))
    views = matrix.shape[1]
    paths, places = [store.image_path(row)] * views, [store.place(row)] * views
    images = crop_rows(paths, matrix[0], session.card.input_size, places)
    live = session.run_flipped(images) if cached.flip else session.run(images)
    axes = [divergence(a, b[0]) for a, b in zip(live, (x, y), strict=True)]
    return float(np.mean(axes))


def divergence(live: np.ndarray, cached: np.ndarray) -> np.ndarray:
    """KL(softmax(10 live) || softmax(10 cached)) of logits (..., W), in nats (...)."""
    p, q = (
        torch.log_softmax(BETA * geometry.as_float(a.astype(np.float64)), dim=-1)
        for a in (live, cached)
    )
    return (p.exp() * (p - q)).sum(-1).numpy()
