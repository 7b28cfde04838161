"""What a training step costs with no teacher, with two cached ones, and with two that run live.

Full size: RTMPose-t at 192x256 with its recipe's whole augmentation; as teachers RTMPose-m at
192x256 (COCO's keypoints) and 256x256 (MPII's), with random weights. All ways alternate in this
process, on one thread. Prints a Markdown table.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import torch
from live_teaching import TEACHERS, UNION, LiveTeacher, LiveTeaching

from cache_logits import make_samples, make_teacher
from posecache import logits, samples, skeletons
from posecache.training.recipe import Distil, Learning, Recipe
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer
from posecache.training.trainer import Trainer

CROPS = samples.Crops()


def prepared(folder: Path, rows: int) -> dict[str, Path]:
    """A sample store and each teacher with its logits over it; returns the teachers' folders."""
    store = make_samples(folder, rows, CROPS)
    folders = {name: make_teacher(folder / name, *what) for name, what in TEACHERS.items()}
    for name, teacher in folders.items():
        logits.cache(teacher, store, folder / f"logits-{name}", logits.Caching(flip=False))
    return folders


def trainer(way: str, folder: Path, teachers: dict[str, Path], batch: int, epochs: int) -> Trainer:
    """The run that trains in one way."""
    store = samples.open(folder / "samples")
    found = {} if way == "none" else {n: logits.open(folder / f"logits-{n}") for n in teachers}
    recipe = Recipe.model_validate(
        {"batch_size": batch, "epochs": epochs, "checkpoint_epochs": epochs, "final_epochs": 0}
    )
    distil = Distil(alpha=0.3, teachers=dict.fromkeys(found, 0.5)) if found else None
    made = make_trainer(
        [TrainingSet(samples=store, logits=found)], recipe, Learning(distil=distil),
        folder / way, memory_mb=2000,
    )  # fmt: skip
    if way == "live":
        live = {
            name: LiveTeacher.of_folder(path, batch=batch, flip=False)
            for name, path in teachers.items()
        }
        made.teaching = LiveTeaching(recipe, skeletons.load(UNION), live, "cpu")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=2, help="steps a turn")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        teachers = prepared(folder, given.batch * given.steps)
        print("| turn | none, s/step | of it making the batch | two cached | two live "
              "| cached ÷ none | live ÷ cached |\n|---|---|---|---|---|---|---|")  # fmt: skip
        for turn in range(given.turns):
            row = times(folder, teachers, given.batch, given.steps)
            cells = [f"{turn + 1}", f"{row['none']:.3f}", f"{row['batch'] / row['none']:.3f}"]
            cells += [f"{row['cached']:.3f}", f"{row['live']:.3f}"]
            cells += [f"{row['cached'] / row['none']:.2f}", f"{row['live'] / row['cached']:.2f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def times(folder: Path, teachers: dict[str, Path], batch: int, steps: int) -> dict[str, float]:
    """Seconds a step of each way, in its second epoch, and of making a plain batch."""
    found = {}
    for way in ("none", "cached", "live"):
        run = trainer(way, folder, teachers, batch, epochs=2)
        run.train()
        found[way] = run.start().history[-1]["seconds"] / steps
        shutil.rmtree(folder / way)
    plain = trainer("none", folder, teachers, batch, epochs=2)
    batches = list(plain.stream.epoch(0))
    plain.teaching.prepare(batches[0], 0, 0)
    started = time.perf_counter()
    for step, each in enumerate(batches):
        plain.teaching.prepare(each, step, 0)
    return found | {"batch": (time.perf_counter() - started) / len(batches)}


if __name__ == "__main__":
    main()
