"""All checks, in the order in which they are shown."""

from collections.abc import Iterator
from pathlib import Path

from posecache.config.places import open_experiment
from posecache.config.resources import caching_mb, training_mb
from posecache.config.stages import Job, Stages
from posecache.doctor import devices, disks, inputs, machine, results
from posecache.doctor.finding import FAIL, OK, Finding
from posecache.estimates.outlook import Outlook
from posecache.training.room import training_bytes


def of_machine() -> Iterator[Finding]:
    """The machine alone: what it has, and nothing that is asked of it."""
    yield machine.versions()
    yield from devices.examine("cpu")
    yield machine.jpeg()
    yield machine.cores(None)
    yield machine.memory(None)
    yield machine.shared_memory(1)
    yield disks.room(Path.cwd(), 0, 0)


def of_experiment(path: Path) -> Iterator[Finding]:
    """The machine and all that a configuration asks of it."""
    try:
        places = open_experiment([path], {})
        stages = Stages(places)
        outlook = Outlook(stages)
    except (ValueError, OSError) as error:
        yield Finding(FAIL, "configuration", str(error), "correct it there")
        yield from of_machine()
        return
    count = len(outlook.ahead)
    yield Finding(OK, "configuration", f"{path}: {count} of {len(outlook.jobs)} jobs ahead")
    yield machine.versions()
    yield from devices.examine(_device(stages, outlook))
    yield machine.jpeg()
    yield from _sized(stages, outlook)
    yield from disks.examine(outlook, places.roots)
    yield from inputs.examine(stages, outlook)
    yield results.examine(places.roots)


def _device(stages: Stages, outlook: Outlook) -> str:
    """The device that some job ahead computes on."""
    return stages.config.compute.device if any(map(_computes, outlook.ahead)) else "cpu"


def _computes(job: Job) -> bool:
    return job.rule in ("cache_logits", "train_student", "train_teacher")


def _sized(stages: Stages, outlook: Outlook) -> Iterator[Finding]:
    """Cores and memory, for the largest jobs ahead."""
    config = stages.config
    caching = {job.thing.names[0] for job in outlook.ahead if job.rule == "cache_logits"}
    trained = {job.thing.names[0] for job in outlook.ahead if job.rule.startswith("train_")}
    processes = max((config.gpus(model) for model in trained), default=1)
    threads = config.compute.threads * processes
    yield machine.cores(threads if outlook.ahead else None)
    asked = [caching_mb(config, m) for m in caching] + [training_mb(config, m) for m in trained]
    yield machine.memory(max(asked, default=None))
    yield machine.shared_memory(processes)
    recipes = [config.recipe(model) for model in trained]
    needs = [training_bytes(recipe.batch_size, recipe.input_size) for recipe in recipes]
    if config.compute.device == "cuda" and needs:
        finding = devices.gpu_memory(max(needs))
        if finding is not None:
            yield finding
