"""Checking that a model still gives the cached logits."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from posecache import geometry, samples
from posecache.contract import BETA
from posecache.logits import views
from posecache.logits.layout import KEYPOINTS
from posecache.logits.looking import Group, completed, forward, people, persons
from posecache.logits.merging import Stored
from posecache.logits.person import Person
from posecache.logits.settings import MERGES, Caching, Views
from posecache.logits.store import LogitStore
from posecache.logits.store import open as open_logits
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.samples.store import SampleStore

# Input px: how far half of a person's refined keypoints may lie from the cached ones. Where two
# bins are as high, rounding decides from which one a keypoint is refined.
NEAR = 0.1


def check_live(
    folder: Path,
    model: Path,
    sample_folder: Path,
    *,
    num_rows: int = 64,
    limit: float = 2e-3,
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
) -> float:
    """Run the model again on random rows; returns KL(live || cached) in nats.

    It is the mean over rows, views, keypoints and axes. Raises ValueError if it is above `limit`,
    where a refined model gives other keypoints, or if store, model and samples do not belong
    together.
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
    groups = _groups(cached, card, store, chosen.tolist())

    run = forward(session, flip=cached.flip, keypoints=KEYPOINTS in cached.layout.columns)
    looked = completed(groups, run, batch=session.batch, threads=threads)
    mean = float(np.mean([_kl(cached, *group.results.popitem()) for group in looked]))
    if not mean <= limit:
        raise ValueError(
            f"{folder}: KL(live || cached) is {mean:.2e} nats a keypoint's axis over "
            f"{count} rows, limit {limit:.0e}"
        )
    return mean


def _groups(
    cached: LogitStore, card: Card, store: SampleStore, rows: Sequence[int]
) -> Iterator[Group[Stored]]:
    """The persons of some rows, each by itself, to be looked at as when the store was made."""
    how = Caching(flip=cached.flip, views=Views.model_validate(cached.identity["views"]))
    rule = MERGES[how.views.merge].rule
    for row in rows:
        own = [_person(cached, how, card, store, row)]
        yield Group(rows=[row], people=own, store=store, rule=rule, asks_again=True)


def _person(cached: LogitStore, how: Caching, card: Card, store: SampleStore, row: int) -> Person:
    """The person of a row; what was drawn by shards is known of the samples' own store alone."""
    framing, rows, shard = cached.identity["framing"], slice(row, row + 1), 0
    if how.views.merge == "none":
        boxes, (*_, matrix) = store.column("box")[rows], cached.read(rows)
        looks = views.as_cut(matrix, cached.label_offset, flip=cached.flip)
        return persons(card, boxes, looks, flip=how.flip)[0]
    if how.views.augmented:
        if cached.identity["samples"] != store.people.digest:
            raise ValueError(f"{cached.folder}: merged augmented views of others, too, than these")
        shard = row // cached.layout.shard_rows
        rows = slice(*cached.layout.span(shard))
    return people(how, card, store, rows, shard=shard, framing=framing)[row - rows.start]


def _kl(cached: LogitStore, row: int, live: Stored) -> float:
    """KL(live || cached) of one row, mean over views, keypoints and axes."""
    x, y, matrix = cached.read(slice(row, row + 1))
    cut = views.as_cut(matrix[0], cached.label_offset, flip=cached.flip)
    if not np.allclose(cut, live[2], atol=1e-6):
        raise ValueError(f"{cached.folder}: row {row}: the model's card asks for other crops")
    for keypoints, now in zip(cached.refined(slice(row, row + 1)), live[3:], strict=True):
        apart = np.median(np.abs(keypoints[0] - now)[..., :2])
        if not apart <= NEAR:
            told = f"its keypoints lie {apart:.2g} px off, limit {NEAR}"
            raise ValueError(f"{cached.folder}: row {row}: {told}")
    axes = [divergence(a, b[0], cached.beta) for a, b in zip(live[:2], (x, y), strict=True)]
    return float(np.mean(axes))


def divergence(live: np.ndarray, cached: np.ndarray, beta: float = BETA) -> np.ndarray:
    """KL(softmax(beta live) || softmax(beta cached)) of logits (..., W), in nats (...)."""
    p, q = (
        torch.log_softmax(beta * geometry.as_float(a.astype(np.float64)), dim=-1)
        for a in (live, cached)
    )
    return (p.exp() * (p - q)).sum(-1).numpy()
