"""What training steps, and caching a teacher, cost on a GPU. Prints one Markdown table.

Students are RTMPose-t and -s at 192x256 with their recipe's whole augmentation, in the trainer's
own loop; teachers are RTMPose-m at 192x256 (COCO's keypoints) and 256x256 (MPII's). Weights,
pictures and labels are random. A step's batch either was made before and lies on the device
(fixed), or is made of crops and logits in stores, with the crops decoded in each of the places
where a run may keep them. The second epoch is timed.
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
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from in_memory import FixedTeaching, InMemory, heard, make_people
from live_teaching import TEACHERS, UNION, LiveTeacher, LiveTeaching, as_teacher
from stored import make_set

from posecache import skeletons
from posecache.models.networks import NETWORKS
from posecache.samples import Crops
from posecache.training.batch import Batch
from posecache.training.losses import Objective
from posecache.training.recipe import Distil, Learning, Recipe
from posecache.training.room import Wanted
from posecache.training.stream import TrainingSet
from posecache.training.student import make_trainer
from posecache.training.teaching import Teaching
from posecache.training.trainer import Trainer

EMA = {"t": None, "s": 2e-4}  # the students, and what the paper's recipe has for each
EPOCHS, PERSONS = 420, 172_059  # of COCO's and MPII's training sets
SPOKEN = ("no teacher", "one cached", "two cached")
HEAD = """| model | batch | teachers | batches | samples/s | beside | data wait | peak GB | hours |
|---|---|---|---|---|---|---|---|---|"""
RUNTIME = "ONNX Runtime"
MEMORY_MB = 50_000  # that crops, labels and logits may take
PLACES: dict[str, tuple[Wanted, ...]] = {
    "cuda": ("gpu", "memory", "mapped", "decoding"),
    "cpu": ("memory", "mapped", "decoding"),
}


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
    steps: int  # an epoch of a fixed batch, or with live teachers
    persons: int  # in the stores
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
            return self.second(run)

    def fixed(self, recipe: Recipe, count: int, *, compiled: bool = False) -> Measured:
        """Training on one batch, with some of the teachers cached."""
        people = heard(self.people, count)
        teachers = {name: as_teacher(*TEACHERS[name]) for name in people.teachers}
        taught = FixedTeaching(recipe, skeletons.load(UNION), teachers, self.device)
        return self.train(taught, people, fixed=True, compiled=compiled)

    @cached_property
    def data(self) -> TrainingSet:
        """Stores of people with both teachers' logits."""
        folder = self.folder / "stored"
        folder.mkdir()
        return make_set(folder, self.persons, Crops(), TEACHERS, self.threads)

    def stored(self, recipe: Recipe, count: int, place: Wanted) -> Measured:
        """Training on the stores, with some of the teachers; what is decoded is not kept."""
        own = dict(list(self.data.logits.items())[:count])
        distil = Distil(alpha=0.3, teachers=dict.fromkeys(own, 0.5)) if own else None
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            run = make_trainer(
                [replace(self.data, logits=own)], recipe, Learning(distil=distil), Path(name),
                memory_mb=0 if place == "decoding" else MEMORY_MB, device=self.device,
                threads=self.threads, pictures=place,
            )  # fmt: skip
            return self.second(run)

    def second(self, run: Trainer) -> Measured:
        """The second epoch of a run."""
        forget(self.device)
        run.train()
        peak, row = used(self.device), run.start().history[-1]
        return Measured(row["samples_per_s"], row["data_wait"] / row["seconds"], peak)

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
    plain: dict[tuple[str, int], Measured | None] = {}
    for student in names:
        two = {batch: cached_rows(bench, student, batch) for batch in batches}
        plain |= {(student, batch): fixed for batch, (fixed, _) in two.items()}
        for kind, make in runners(bench, batches[0]).items():
            what = (f"RTMPose-{student}", batches[0], f"two live, {kind}")
            live = partial(bench.live, bench.recipe(student, batches[0]), make)
            bench.report((*what, "memory"), live, two[batches[0]][1], "two cached")
    return plain


def cached_rows(bench: Bench, student: str, batch: int) -> tuple[Measured | None, Measured | None]:
    """The rows of no, one and two cached teachers, with two of them in each place; returns those of
    two with a fixed batch and in the first place."""
    recipe, places = bench.recipe(student, batch), PLACES[bench.device]
    for count, spoken in enumerate(SPOKEN):
        what = (f"RTMPose-{student}", batch, spoken)
        fixed = bench.report((*what, "fixed"), partial(bench.fixed, recipe, count))
        found = [
            bench.report(
                (*what, place), partial(bench.stored, recipe, count, place), fixed, "fixed"
            )
            for place in (places if spoken == SPOKEN[-1] else places[:1])
        ]
    return fixed, found[0]


def compiled(bench: Bench, plain: Mapping[tuple[str, int], Measured | None]) -> None:
    """The rows of compiled networks and losses, beside those of the same runs as they are."""
    for (student, batch), beside in plain.items():
        what = (f"RTMPose-{student}", batch, SPOKEN[2], "fixed, compiled")
        way = partial(bench.fixed, bench.recipe(student, batch), 2, compiled=True)
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
    runtime = f"no {RUNTIME}"
    if runtime_offers(device):
        import onnxruntime  # its package's name depends on the machine

        runtime = f"{RUNTIME} {onnxruntime.__version__}"
    versions = f"PyTorch {torch.__version__}, {runtime}"
    return f"{name}, {datetime.date.today()}; {versions}, {os.cpu_count()} cores\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--students", nargs="+", choices=tuple(EMA), default=list(EMA))
    parser.add_argument("--batch", nargs="+", type=int, default=[256, 1024])
    parser.add_argument("--steps", type=int, default=12, help="steps an epoch")
    parser.add_argument("--rows", type=int, default=512, help="different people")
    parser.add_argument("--persons", type=int, default=4096, help="in the stores")
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
        bench = Bench(
            people, Path(name), given.device, given.threads, given.steps, given.persons, until
        )
        plain = students(bench, given.students, given.batch)
        if runtime_offers(given.device):
            caching(bench, min(64, given.rows), given.looks)
        compiled(bench, plain)


if __name__ == "__main__":
    main()
