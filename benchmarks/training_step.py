"""What a training step costs with no teacher, with two cached ones, and with two that run live.

Full size: RTMPose-t at 192x256 with its recipe's whole augmentation; as teachers RTMPose-m at
192x256 (COCO's keypoints) and 256x256 (MPII's), with random weights. Live they look once at the
student's crop, without a flip test, run by PyTorch, as in a trainer patched for distillation, or by
ONNX Runtime. All ways alternate in this process, on one thread. Prints a Markdown table.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
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
WAYS = ("none", "cached", "live", "live-ort")
# Each column of the table, from the seconds a step by way, and of making a plain batch.
COLUMNS: dict[str, Callable[[dict[str, float]], float]] = {
    "no teacher, s/step": lambda t: t["none"],
    "making a plain batch ÷ it": lambda t: t["batch"] / t["none"],
    "two cached ÷ none": lambda t: t["cached"] / t["none"],
    "two live (PyTorch) ÷ cached": lambda t: t["live"] / t["cached"],
    "two live (ONNX Runtime) ÷ cached": lambda t: t["live-ort"] / t["cached"],
}


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
    if way.startswith("live"):
        live = {name: running(way, name, teachers[name], batch) for name in teachers}
        made.teaching = LiveTeaching(recipe, skeletons.load(UNION), live, "cpu")
    return made


def running(way: str, name: str, folder: Path, batch: int) -> LiveTeacher:
    """A teacher that runs in each step."""
    if way == "live":
        return LiveTeacher.of_network(*TEACHERS[name], "cpu")
    return LiveTeacher.of_folder(folder, batch=batch, flip=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=2, help="steps a turn")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), []
        teachers = prepared(folder, given.batch * given.steps)
        print(f"| turn | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
        for turn in range(given.turns):
            seconds = times(folder, teachers, given.batch, given.steps)
            rows.append([column(seconds) for column in COLUMNS.values()])
            show(str(turn + 1), rows[-1])
        show("median", [statistics.median(column) for column in zip(*rows, strict=True)])


def show(turn: str, numbers: list[float]) -> None:
    cells = [f"{number:.3f}" for number in numbers[:2]] + [
        f"{number:.2f}" for number in numbers[2:]
    ]
    print(f"| {' | '.join([turn, *cells])} |", flush=True)


def times(folder: Path, teachers: dict[str, Path], batch: int, steps: int) -> dict[str, float]:
    """Seconds a step of each way, in its second epoch, and of making a plain batch."""
    found = {}
    for way in WAYS:
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
