"""What training steps, and caching a teacher, cost on a GPU. Prints one Markdown table.

Students are RTMPose-t and -s at 192x256 with their recipe's whole augmentation, in the trainer's
own loop; teachers are RTMPose-m at 192x256 (COCO's keypoints) and 256x256 (MPII's). Weights,
pictures and labels are random. A step's batch either was made before and lies on the device
(fixed), or is made of decoded crops and logits in the host's memory. The second epoch is timed.
Where there is no CUDA device it says so; `--device cpu` checks this script without one.
"""

import argparse
import datetime
import gc
import importlib.util
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from in_memory import FixedTeaching, InMemory, heard, make_people
from live_teaching import TEACHERS, UNION, LiveTeacher, LiveTeaching, as_teacher

from posecache import skeletons
from posecache.models.networks import NETWORKS
from posecache.training.batch import Batch
from posecache.training.losses import Objective
from posecache.training.recipe import Distil, Recipe
from posecache.training.teaching import Teaching
from posecache.training.trainer import Trainer

EMA = {"t": None, "s": 2e-4}  # the students, and what the paper's recipe has for each
EPOCHS, PERSONS = 420, 172_059  # of COCO's and MPII's training sets
SPOKEN = ("no teacher", "one cached", "two cached")
HEAD = """| model | batch | teachers | batches | samples/s | beside | data wait | peak GB | hours |
|---|---|---|---|---|---|---|---|---|"""
RUNTIME = "ONNX Runtime"


@dataclass(frozen=True)
class Measured:
    """One way of training."""

    speed: float  # samples/s
    waiting: float  # share of the time
    peak: float  # bytes of the device's memory
    epochs: int = EPOCHS  # that `hours` are of

    @property
    def cells(self) -> list[str]:
        """Data wait, peak memory and hours."""
        hours = self.epochs * PERSONS / self.speed / 3600
        return [known(self.waiting, ".1%"), known(self.peak / 1e9, ".1f"), f"{hours:.2f}"]


Measure: TypeAlias = Callable[[], Measured]


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    people: Batch
    folder: Path
    device: str
    threads: int
    steps: int  # an epoch
    until: float  # of time.monotonic(): what would start later is left out

    def recipe(self, student: str, batch: int) -> Recipe:
        """A student's own, but short, and with a rate that random labels do not upset."""
        short = {"epochs": 2, "final_epochs": 0, "checkpoint_epochs": 2, "lr": 1e-5}
        own = {"variant": student, "ema": EMA[student], "batch_size": batch}
        return Recipe.model_validate(short | own)

    def train(
        self, teaching: Teaching, people: Batch, *, fixed: bool = False, compiled: bool = False
    ) -> Measured:
        """The second epoch of a run; every teacher weighs alike."""
        recipe, names = teaching.recipe, dict.fromkeys(teaching.teachers, 0.5)
        size = (recipe.variant, teaching.skeleton.num_keypoints, recipe.input_size)
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            run = Trainer(
                recipe,
                Objective(distil=Distil(alpha=0.3, teachers=names) if names else None),
                teaching,
                InMemory(people, recipe.batch_size, self.steps, fixed=fixed),
                partial(NETWORKS[recipe.network].build, *size),
                Path(name),
                identity="benchmark",
                compiled=compiled,
            )
            forget(self.device)
            run.train()
            peak, row = used(self.device), run.start().history[-1]
        return Measured(row["samples_per_s"], row["data_wait"] / row["seconds"], peak)

    def cached(
        self, recipe: Recipe, count: int, *, fixed: bool, compiled: bool = False
    ) -> Measured:
        """Training with some of the teachers cached."""
        people = heard(self.people, count)
        teachers = {name: as_teacher(*TEACHERS[name]) for name in people.teachers}
        kind = FixedTeaching if fixed else Teaching
        taught = kind(recipe, skeletons.load(UNION), teachers, self.device)
        return self.train(taught, people, fixed=fixed, compiled=compiled)

    def live(self, recipe: Recipe, make: Callable[[str], LiveTeacher]) -> Measured:
        """Training with all teachers running, each made by its name."""
        teachers = {name: make(name) for name in TEACHERS}
        taught = LiveTeaching(recipe, skeletons.load(UNION), teachers, self.device)
        return self.train(taught, heard(self.people, 0))

    def report(
        self, what: Sequence[object], measure: Measure, beside: Measured | None = None, of: str = ""
    ) -> Measured | None:
        """Print a row, with the ratio of its speed to another one's; None where time is up."""
        if time.monotonic() > self.until:
            show(*what, "time was up", *4 * ["–"])
            return None
        found = measure()
        ratio = f"{found.speed / beside.speed:.2f} of {of}" if beside else "–"
        show(*what, f"{found.speed:,.0f}", ratio, *found.cells)
        return found


def show(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def known(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def forget(device: str) -> None:
    """Count the device's memory from now on."""
    torch._dynamo.reset()  # what was compiled
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def used(device: str) -> float:
    """The most bytes that PyTorch held on the device; nan on a CPU."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else math.nan


def runtime_offers(device: str) -> bool:
    """Whether there is an ONNX Runtime for the device."""
    if importlib.util.find_spec("onnxruntime") is None:
        return False
    import onnxruntime

    return f"{device.upper()}ExecutionProvider" in onnxruntime.get_available_providers()


def students(
    bench: Bench, names: Sequence[str], batches: Sequence[int]
) -> dict[tuple[str, int], Measured | None]:
    """Each student's rows: with cached teachers at each batch size, with live ones at the first.

    Returns those of two cached teachers and a fixed batch, by student and batch size.
    """
    plain = {}
    for student in names:
        two = {}
        for batch in batches:
            recipe = bench.recipe(student, batch)
            for count, spoken in enumerate(SPOKEN):
                what, way = (f"RTMPose-{student}", batch, spoken), partial(bench.cached, recipe)
                fixed = bench.report((*what, "fixed"), partial(way, count, fixed=True))
                made = partial(way, count, fixed=False)
                two[batch] = bench.report((*what, "made"), made, fixed, "fixed")
            plain[student, batch] = fixed
        for kind, make in runners(bench, batches[0]).items():
            what = (f"RTMPose-{student}", batches[0], f"two live, {kind}")
            live = partial(bench.live, bench.recipe(student, batches[0]), make)
            bench.report((*what, "made"), live, two[batches[0]], "two cached")
    return plain


def compiled(bench: Bench, plain: Mapping[tuple[str, int], Measured | None]) -> None:
    """The rows of compiled networks and losses, beside those of the same runs as they are."""
    for (student, batch), beside in plain.items():
        what = (f"RTMPose-{student}", batch, SPOKEN[2], "fixed, compiled")
        way = partial(bench.cached, bench.recipe(student, batch), 2, fixed=True, compiled=True)
        bench.report(what, way, beside, "fixed")


def runners(bench: Bench, batch: int) -> Mapping[str, Callable[[str], LiveTeacher]]:
    """What runs a live teacher, given its name; one look a crop, without its mirror image."""

    def by_runtime(name: str) -> LiveTeacher:
        from cache_logits import make_teacher

        folder = bench.folder / name
        if not folder.exists():
            make_teacher(folder, *TEACHERS[name])
        return LiveTeacher.of_folder(
            folder, batch=batch, flip=False, device=bench.device, threads=bench.threads
        )

    def by_torch(name: str) -> LiveTeacher:
        return LiveTeacher.of_network(*TEACHERS[name], bench.device)

    return {"PyTorch": by_torch} | ({RUNTIME: by_runtime} if runtime_offers(bench.device) else {})


def caching(bench: Bench, batch: int, count: int) -> None:
    """The rows of caching RTMPose-m with its flip test, over `count` batches of people."""
    from cache_logits import Views, bare, cached, make_samples, make_teacher

    folder = bench.folder / "caching"
    folder.mkdir()
    make_samples(folder, count * batch)
    teacher, rng = make_teacher(folder / "model"), np.random.default_rng(0)
    looks = [rng.normal(size=(batch, 3, 256, 192)).astype(np.float32)] * count

    def speed(seconds: float) -> Measured:
        return Measured(count * batch / seconds, math.nan, math.nan, epochs=1)

    how, what = (bench.threads, bench.device), ("RTMPose-m", batch, f"none, {RUNTIME}")
    beside = bench.report((*what, "fixed"), lambda: speed(bare(teacher, looks, *how)))
    whole = partial(cached, folder, Views(), batch, *how)
    bench.report((*what, "cut, then cached"), lambda: speed(whole()["whole"]), beside, "fixed")


def about(device: str) -> str:
    """The device, the day and the versions."""
    name = torch.cuda.get_device_name() if device == "cuda" else "a check on a CPU"
    runtime = f"{RUNTIME} {version('onnxruntime')}" if runtime_offers(device) else f"no {RUNTIME}"
    versions = f"PyTorch {torch.__version__}, {runtime}"
    return f"{name}, {datetime.date.today()}; {versions}, {os.cpu_count()} cores\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--students", nargs="+", choices=tuple(EMA), default=list(EMA))
    parser.add_argument("--batch", nargs="+", type=int, default=[256, 1024])
    parser.add_argument("--steps", type=int, default=12, help="steps an epoch")
    parser.add_argument("--rows", type=int, default=512, help="different people")
    parser.add_argument("--looks", type=int, default=32, help="batches of 64 that are cached")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--minutes", type=float, default=5.5, help="no row begins later")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device here: nothing is measured")
        return
    until = time.monotonic() + 60 * given.minutes
    torch.set_num_threads(given.threads)
    print(about(given.device), HEAD, sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        people = make_people(given.rows)
        bench = Bench(people, Path(name), given.device, given.threads, given.steps, until)
        plain = students(bench, given.students, given.batch)
        if runtime_offers(given.device):
            caching(bench, min(64, given.rows), given.looks)
        compiled(bench, plain)


if __name__ == "__main__":
    main()
