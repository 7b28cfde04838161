"""How long a training run waits for its batches, by where the crops lie.

    python benchmarks/data_wait.py [--size full demo] [--persons 2000] [--steps 20]

People and pictures are made up; two teachers' logits are random. `full` is RTMPose-t at 192x256
with crops and batches of 32, `demo` the demo's network and sizes. The trainer's own steps are
timed from the first one of an epoch, with nothing but the crops in memory. Prints a Markdown table;
`opened` is what decoding all crops took before.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from live_teaching import TEACHERS
from stored import make_set

from posecache.samples import Crops
from posecache.training.history import Tally
from posecache.training.recipe import Distil, Learning, Recipe
from posecache.training.room import Wanted
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer

PLACES: tuple[Wanted, ...] = ("gpu", "memory", "mapped", "decoding")


@dataclass(frozen=True)
class Size:
    """A student, its crops, and the skeletons and inputs (width, height) of its teachers."""

    recipe: dict[str, object]
    crops: Crops
    teachers: dict[str, tuple[str, tuple[int, int]]]


SIZES = {
    "full": Size(
        {"variant": "t", "input_size": (192, 256), "batch_size": 32},
        Crops(),
        TEACHERS,
    ),
    "demo": Size(
        {
            "variant": {"deepen": 0.167, "widen": 0.1875, "stride": 16},
            "input_size": (64, 96),
            "batch_size": 16,
        },
        Crops(size=448, context=2.1),
        {name: (skeleton, (96, 128)) for name, (skeleton, _) in TEACHERS.items()},
    ),
}


def measure(data: TrainingSet, size: Size, place: Wanted, how: argparse.Namespace) -> str:
    """The numbers of one place, as a row of the table."""
    recipe = Recipe.model_validate({**size.recipe, "final_epochs": 0, "lr": 1e-5})
    names = dict.fromkeys(data.logits, 0.5)
    with tempfile.TemporaryDirectory(dir=how.folder) as folder:
        trainer = make_trainer(
            [data], recipe, Learning(distil=Distil(alpha=0.3, teachers=names)), Path(folder),
            memory_mb=how.memory_mb, device=how.device, threads=how.threads, pictures=place,
        )  # fmt: skip
        started = time.perf_counter()
        trainer.stream.open()
        opened = time.perf_counter() - started
        run, weights = trainer.start(), trainer.objective.weights(0)
        run.tally = Tally()
        batches = run.tally.timed(trainer.stream.epoch(0))
        for _, batch in zip(range(how.steps), batches, strict=False):
            trainer.step(run, batch, weights)
        run.tally.fetch()
    share, speed = run.tally.waited / run.tally.seconds, run.tally.samples / run.tally.seconds
    return f"{place} | {opened:.1f} | {speed:.1f} | {100 * share:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--persons", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--places", nargs="+", choices=PLACES)
    parser.add_argument("--memory-mb", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--folder", type=Path, help="for all files; default: the system's")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    places = given.places or PLACES[given.device == "cpu" :]
    print("| size | persons | GB of crops | place | opened, s | samples/s | data wait |")
    print("|---|---|---|---|---|---|---|")
    for name in given.size:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            report(Path(folder), name, places, given)


def report(folder: Path, name: str, places: Sequence[Wanted], how: argparse.Namespace) -> None:
    """The rows of one size."""
    size = SIZES[name]
    data = make_set(folder, how.persons, size.crops, size.teachers, how.threads)
    held = 3e-9 * float(data.samples.crop_sizes.astype(np.int64).prod(1).sum())
    for place in places:
        row = measure(data, size, place, how)
        print(f"| {name} | {how.persons} | {held:.2f} | {row} |", flush=True)


if __name__ == "__main__":
    main()
