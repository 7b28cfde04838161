"""Is a cached teacher as good as a live one? On the demo: KL and PCKh against rotation and number
of views, and the accuracy of students taught live, by replay and by transport.

Needs the demo's data and a teacher (`make table1`). Prints Markdown tables.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posecache import datasets, geometry, logits, samples, simcc, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.logits import Views, views
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.export import to_bytes
from posecache.models.folder import write_model
from posecache.models.networks import NETWORKS
from posecache.models.session import Session
from posecache.samples.pictures import crop_rows
from posecache.scores.benchmarks import evaluate
from posecache.scores.settings import Measure
from posecache.skeletons import Skeleton
from posecache.stores.manifest import MANIFEST
from posecache.training.batch import Batch
from posecache.training.losses import Objective, TeacherTarget
from posecache.training.recipe import Distil, Recipe
from posecache.training.stream import Stream, TrainingSet
from posecache.training.teaching import Teacher, Teaching
from posecache.training.trainer import Trainer

ANGLES = (0, 15, 30, 45, 60, 80)
VIEWS = {"1 view": (0,), "3 views": (0, 60, -60), "5 views": (0, 35, -35, 70, -70)}
MODES = ("none", "live", "replay 8", "transport 1")
RECIPE = {
    "variant": {"deepen": 0.167, "widen": 0.1875, "stride": 16}, "input_size": [64, 96],
    "batch_size": 16, "lr": 0.0007, "warmup_steps": 300, "clip": 1.0, "final_epochs": 0,
}  # fmt: skip
PLACE = {
    "half_body_prob": 0, "scale_factor": [0.8, 1.25], "hsv_delta": [0, 0, 0], "blur_prob": 0,
    "median_blur_prob": 0, "dropout_prob": 0, "rotate_prob": 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where the study's stores and the teacher lie."""

    folder: Path
    teacher: Path
    rotate: float
    epochs: int

    @property
    def augmentation(self) -> dict[str, object]:
        return PLACE | {"rotate_degrees": self.rotate}


def prepare(data: Path, folder: Path) -> None:
    """The demo's COCO sets as sample stores."""
    for split in ("train", "val"):
        source = datasets.Source(
            format="coco",
            annotations=data / f"annotations/person_keypoints_{split}.json",
            image_root=data / split,
            skeleton="coco17",
        )
        crops = samples.Crops(size=144, context=1.6, quality=92) if split == "train" else None
        samples.prepare(datasets.read(source), folder / split, crops=crops)


def against_rotation(place: Place) -> None:
    """Print what turning the crop does to the live teacher and to the cached one carried over."""
    card = Card.load(place.teacher / CARD_FILE)
    store = samples.open(place.folder / "val")
    session = Session(place.teacher / MODEL_FILE, card, batch=32)
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


class LiveTeaching(Teaching):
    """The teacher runs on each augmented crop, as in online distillation."""

    def __init__(
        self,
        recipe: Recipe,
        skeleton: Skeleton,
        teachers: Mapping[str, Teacher],
        session: Session,
    ) -> None:
        super().__init__(recipe, skeleton, teachers, "cpu")
        self.session = session

    def target(
        self, name: str, batch: Batch, matrix: Tensor, view: np.ndarray | None = None
    ) -> TeacherTarget:
        images = self.warp(batch, matrix)
        pixels = images.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        x, y = (
            torch.softmax(10 * torch.from_numpy(a), -1) for a in self.session.run_flipped(pixels)
        )
        # Teacher and student have one skeleton.
        weight, indices = torch.ones(x.shape[:2]), torch.arange(x.shape[1])
        return TeacherTarget(prob_x=x, prob_y=y, weight=weight, indices=indices)


def student(place: Place, mode: str, seed: int) -> float:
    """PCKh@0.5 on the validation set of a student taught in one way."""
    torch.set_num_threads(1)
    geometry_mode, _, count = mode.partition(" ")
    store = samples.open(place.folder / "train")
    stores = {} if mode == "none" else {"teacher": _cache(place, geometry_mode, int(count or 1))}
    recipe = Recipe.model_validate(
        RECIPE | {"epochs": place.epochs, "seed": seed, "augmentation": place.augmentation}
        | {"geometry": "replay" if geometry_mode == "replay" else "transport"}
    )  # fmt: skip
    skeleton = skeletons.load("coco17")
    stream = Stream(
        [TrainingSet(samples=store, logits=stores)], skeleton,
        batch_size=recipe.batch_size, seed=seed, memory_mb=1500,
    )  # fmt: skip
    # Without a teacher only the labels teach; with one, mostly the teacher does.
    distil = Distil(alpha=0.3, teachers=dict.fromkeys(stores, 1.0)) if stores else None
    folder = place.folder / f"{mode.replace(' ', '')}-{seed}"
    size = (recipe.variant, skeleton.num_keypoints, recipe.input_size)
    trainer = Trainer(
        recipe, Objective(distil=distil), _teaching(place, mode, recipe, skeleton, stores), stream,
        partial(NETWORKS[recipe.network].build, *size), folder, identity=mode,
    )  # fmt: skip
    return _score(place, folder, to_bytes(trainer.train(), recipe.input_size), recipe)


def _teaching(
    place: Place,
    mode: str,
    recipe: Recipe,
    skeleton: Skeleton,
    stores: Mapping[str, logits.LogitStore],
) -> Teaching:
    teachers = {name: Teacher.of(store, skeleton) for name, store in stores.items()}
    if mode != "live":
        return Teaching(recipe, skeleton, teachers, "cpu")
    card = Card.load(place.teacher / CARD_FILE)
    session = Session(place.teacher / MODEL_FILE, card, batch=recipe.batch_size)
    return LiveTeaching(recipe, skeleton, teachers, session)


def _cache(place: Place, mode: str, count: int) -> logits.LogitStore:
    """The teacher's logits as a mode wants them: turned views, or recorded augmentations."""
    kind = "replay" if mode == "replay" else "transport"
    folder = place.folder / f"cache-{kind}-{count}"
    if not (folder / MANIFEST).exists():
        recorded = {"rotations": (), "augmented": count, "augmentation": place.augmentation}
        turned = {"rotations": VIEWS.get(f"{count} views", (0,))}
        how = Views.model_validate(recorded if kind == "replay" else turned)
        logits.cache(place.teacher, place.folder / "train", folder, logits.Caching(views=how))
    return logits.open(folder)


def _score(place: Place, folder: Path, content: bytes, recipe: Recipe) -> float:
    card = Card(
        name="student", sha256=hashlib.sha256(content).hexdigest(), skeleton="coco17",
        input_size=recipe.input_size, mean=IMAGENET_MEAN, std=IMAGENET_STD, source="a study",
    )  # fmt: skip
    write_model(folder, card, content)
    logits.cache(folder, place.folder / "val", folder / "val")
    val = samples.open(place.folder / "val")
    scores = evaluate("pckh", Measure(metric="pckh"), logits.open(folder / "val"), val)
    return float(scores["metrics"]["mean"])


def students(place: Place, seeds: int, jobs: int) -> None:
    """Print the students' accuracies."""
    for mode in MODES[1:]:  # fill the caches first, one after another
        kind, _, count = mode.partition(" ")
        _cache(place, kind, int(count or 1))
    runs = [(mode, seed) for seed in range(seeds) for mode in MODES]
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(partial(_one, place), runs))
    print("| teacher | " + " | ".join(f"seed {s}" for s in range(seeds)) + " | mean | spread |")
    print("|" + "---|" * (seeds + 3))
    for mode in MODES:
        scores = [score for (name, _), score in zip(runs, found, strict=True) if name == mode]
        cells = " | ".join(f"{score:.1f}" for score in scores)
        print(f"| {mode} | {cells} | {np.mean(scores):.1f} | {np.std(scores, ddof=1):.1f} |")


def _one(place: Place, run: tuple[str, int]) -> float:
    return student(place, *run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/demo/coco"))
    parser.add_argument("--teacher", type=Path, default=Path("results/models/teacher-coco"))
    parser.add_argument("--rotate", type=float, default=60, help="largest rotation in training")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), arguments.teacher, arguments.rotate, arguments.epochs)
        prepare(arguments.data, place.folder)
        against_rotation(place)
        students(place, arguments.seeds, arguments.jobs)


if __name__ == "__main__":
    main()
