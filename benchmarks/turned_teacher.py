"""What turning a crop does to a live teacher, and to a cached one carried over: KL and PCKh.

Needs the demo's data and a COCO teacher (`make table1`). Prints a Markdown table.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from teacher_study import prepare
from torch import Tensor

from posecache import geometry, samples, simcc, skeletons
from posecache.logits import Views, views
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.samples.pictures import crop_rows

ANGLES = (0, 15, 30, 45, 60, 80)
VIEWS = {"1 view": (0,), "3 views": (0, 60, -60), "5 views": (0, 35, -35, 70, -70)}


def against_rotation(teacher: Path, val: Path) -> None:
    """Print what turning the crop does to the live teacher and to the cached one carried over."""
    card = Card.load(teacher / CARD_FILE)
    store = samples.open(val)
    session = Session(teacher / MODEL_FILE, card, batch=32)
    head = "| angle | live: PCKh | live: KL(truth) |"
    for name in VIEWS:
        head += f" {name}: PCKh | KL(truth) | KL(live) |"
    print(head + "\n|" + "---|" * (3 + 3 * len(VIEWS)))
    cached = {name: _run(session, store, turns) for name, turns in VIEWS.items()}
    for angle in ANGLES:
        x, y, matrix = (torch.from_numpy(part[:, 0]) for part in _run(session, store, (angle,)))
        live = torch.softmax(10 * x, -1), torch.softmax(10 * y, -1)
        truth = _truth(store, card, matrix)
        row = f"| {angle}° | {_pckh(live, store, matrix):.1f} | {_kl(truth, live, truth[2]):.2f} |"
        for stored in cached.values():
            carried = _carry(stored, matrix, card)
            seen = truth[2] * (carried[2] > 0.9)
            row += f" {_pckh(carried, store, matrix):.1f} | {_kl(truth, carried, seen):.2f} |"
            row += f" {_kl(live, carried, seen):.2f} |"
        print(row)


def _run(
    session: Session, store: samples.SampleStore, angles: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flip-tested logits (N, V, K, W) of crops turned by `angles`, and their matrices."""
    boxes, points = store.column("box"), store.column("keypoints")
    skeleton = skeletons.load("coco17")
    how = Views(rotations=angles)
    matrix = views.matrices(how, session.card, boxes, points, skeleton, 0)
    rows = [row for row in range(store.n) for _ in angles]
    pictures = [store.picture(row) for row in rows]
    images = crop_rows(pictures, matrix.reshape(-1, 2, 3), session.card.input_size)
    x, y = (a.reshape(store.n, len(angles), *a.shape[1:]) for a in session.run_flipped(images))
    return x, y, matrix


def _carry(
    stored: tuple[np.ndarray, np.ndarray, np.ndarray], matrix: Tensor, card: Card
) -> tuple[Tensor, Tensor, Tensor]:
    """The least turned view's distribution in the crops of `matrix`, and the mass inside."""
    x, y, own = (torch.from_numpy(part) for part in stored)
    rows, view = torch.arange(len(own)), views.nearest(matrix, own)
    between = geometry.compose(matrix, geometry.invert(own[rows, view]))
    pairs = skeletons.load(card.skeleton).flip_pairs
    return simcc.transport(x[rows, view], y[rows, view], between, card.input_size, pairs)


def _truth(store: samples.SampleStore, card: Card, matrix: Tensor) -> tuple[Tensor, ...]:
    """Label distributions (N, K, W) and weights (N, K) in the crops of `matrix`."""
    points = geometry.apply(matrix, torch.from_numpy(store.column("keypoints")).double()).float()
    labelled = ~points.isnan().any(-1)
    sigma = simcc.default_sigma(card.input_size)
    x, y, weight = simcc.encode(points.nan_to_num(-1e4), labelled, card.input_size, sigma)
    return torch.softmax(10 * x, -1), torch.softmax(10 * y, -1), weight


def _kl(truth: tuple[Tensor, ...], found: tuple[Tensor, ...], weight: Tensor) -> float:
    """Mean KL(truth || found) per keypoint and axis, in nats, over keypoints with weight."""
    axes = [
        (torch.xlogy(p, p) - p * q.clamp_min(1e-30).log()).sum(-1)
        for p, q in zip(truth[:2], found[:2], strict=True)
    ]
    return float(((axes[0] + axes[1]) / 2 * weight).sum() / weight.sum())


def _pckh(found: tuple[Tensor, ...], store: samples.SampleStore, matrix: Tensor) -> float:
    """PCKh@0.5 of the arg-max over all labelled keypoints."""
    places, _ = simcc.decode(found[0], found[1])
    image = geometry.apply(geometry.invert(matrix), places.double()).numpy()
    truth = store.column("keypoints")
    distance = np.linalg.norm(image - truth, axis=-1) / store.column("head_size")[:, None]
    labelled = ~np.isnan(truth).any(-1)
    return 100 * float((distance[labelled] <= 0.5).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/demo/coco"))
    parser.add_argument("--teacher", type=Path, default=Path("results/models/teacher-coco"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        prepare(arguments.data, Path(name))
        against_rotation(arguments.teacher, Path(name, "val"))


if __name__ == "__main__":
    main()
