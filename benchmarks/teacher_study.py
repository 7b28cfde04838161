"""Is a cached teacher as good as a live one, and how often must it have looked? On the demo: the
accuracy of students of one teacher by the way in which they were taught.

Needs the demo's data, a COCO teacher and a pre-trained backbone (`make table1`). Prints a Markdown
table.
"""

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from live_teaching import LiveTeacher, LiveTeaching

from posecache import datasets, logits, samples
from posecache.logits import Views
from posecache.scores.benchmarks import evaluate
from posecache.scores.settings import Measure
from posecache.stores.manifest import MANIFEST
from posecache.training.recipe import Distil, Init, Learning, Recipe
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer, train

WAYS = (
    "none", "live", "upright", "confident", "replay 1", "replay 2", "replay 4", "replay 8",
    "replay 16",
)  # fmt: skip
TEACHER = "teacher"
AUGMENTATION = {
    "half_body_prob": 0, "scale_factor": [0.75, 1.35], "rotate_prob": 0.6, "hsv_delta": [0, 0, 0],
    "blur_prob": 0, "median_blur_prob": 0, "dropout_prob": 0,
}  # fmt: skip
RECIPE = {
    "variant": {"deepen": 0.167, "widen": 0.1875, "stride": 16}, "input_size": [64, 96],
    "batch_size": 16, "lr": 0.001, "warmup_steps": 50, "clip": 5.0, "final_epochs": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Where the stores and the models lie, and how students are trained."""

    folder: Path
    teacher: Path
    backbone: Path
    rotate: float
    epochs: int

    @property
    def augmentation(self) -> dict[str, object]:
        return AUGMENTATION | {"rotate_degrees": self.rotate}

    def recipe(self, way: str, seed: int) -> Recipe:
        how = "replay" if way.startswith("replay") else "transport"
        own = {"epochs": self.epochs, "seed": seed, "geometry": how}
        return Recipe.model_validate(RECIPE | own | {"augmentation": self.augmentation})

    def views(self, way: str) -> Views:
        """The crops that a cached teacher sees."""
        name, _, count = way.partition(" ")
        given = {
            "upright": {},
            "confident": {"merge": "confident"},
            "replay": {
                "rotations": (), "augmented": int(count or 1), "augmentation": self.augmentation,
            },
        }  # fmt: skip
        return Views.model_validate(given[name])


def prepare(data: Path, folder: Path) -> None:
    """The demo's COCO sets as sample stores."""
    for split in ("train", "val"):
        source = datasets.Source(
            format="coco",
            annotations=data / f"annotations/person_keypoints_{split}.json",
            image_root=data / split,
            skeleton="coco17",
        )
        crops = samples.Crops(size=448, context=2.1) if split == "train" else None
        samples.prepare(datasets.read(source), folder / split, crops=crops)


def student(study: Study, run: tuple[str, int]) -> tuple[float, float]:
    """PCKh@0.5 and @0.1 on the validation set of a student taught in one way, with one seed."""
    (way, seed), folder = run, study.folder / f"{run[0].replace(' ', '')}-{run[1]}"
    torch.set_num_threads(1)
    recipe = study.recipe(way, seed)
    stores = {} if way in ("none", "live") else {TEACHER: cached(study, way)}
    sets = [TrainingSet(samples=samples.open(study.folder / "train"), logits=stores)]
    # Without a teacher only the labels teach; with one, mostly the teacher does.
    distil = None if way == "none" else Distil(alpha=0.3, teachers={TEACHER: 1.0})
    learning = Learning(distil=distil, init=Init(weights=str(study.backbone), part="backbone"))
    trainer = make_trainer(sets, recipe, learning, folder, memory_mb=1500)
    if way == "live":
        live = LiveTeacher.of_folder(study.teacher, batch=recipe.batch_size, flip=True)
        trainer.teaching = LiveTeaching(recipe, trainer.teaching.skeleton, {TEACHER: live}, "cpu")
    train(way.replace(" ", "-"), trainer)
    logits.cache(folder, study.folder / "val", folder / "val")
    val = samples.open(study.folder / "val")
    found = evaluate("pckh", Measure(metric="pckh"), logits.open(folder / "val"), val)["metrics"]
    return found["mean"], found["mean@0.1"]


def cached(study: Study, way: str) -> logits.LogitStore:
    """The teacher's logits as a way of teaching wants them."""
    folder = study.folder / f"cache-{way.replace(' ', '')}"
    if not (folder / MANIFEST).exists():
        how = logits.Caching(views=study.views(way))
        logits.cache(study.teacher, study.folder / "train", folder, how)
    return logits.open(folder)


def students(study: Study, ways: list[str], seeds: list[int], jobs: int) -> None:
    """Print the students' accuracies."""
    for way in ways:  # fill the caches first, one after another
        if way not in ("none", "live"):
            cached(study, way)
    runs = [(way, seed) for seed in seeds for way in ways]
    with ProcessPoolExecutor(jobs) as pool:
        found = dict(zip(runs, pool.map(partial(student, study), runs), strict=True))
    print("| taught | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean ± sd |")
    print("|" + "---|" * (len(seeds) + 2))
    for way in ways:
        scores = np.array([found[way, seed] for seed in seeds])
        cells = [f"{half:.1f} / {tenth:.1f}" for half, tenth in scores]
        spread = scores.std(0, ddof=1) if len(seeds) > 1 else np.zeros(2)
        each = [f"{m:.1f} ± {s:.1f}" for m, s in zip(scores.mean(0), spread, strict=True)]
        print(f"| {way} | {' | '.join(cells)} | {' / '.join(each)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/demo/coco"))
    parser.add_argument("--models", type=Path, default=Path("results/models"))
    parser.add_argument("--rotate", type=float, default=60, help="largest rotation in training")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        teacher, backbone = given.models / "teacher-coco", given.models / "backbone-t/weights.pt"
        study = Study(Path(name), teacher, backbone, given.rotate, given.epochs)
        prepare(given.data, study.folder)
        students(study, given.ways, given.seeds, given.jobs)


if __name__ == "__main__":
    main()
