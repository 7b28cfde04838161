"""Which things that stand are to be made again, and how Snakemake is told."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, product
from pathlib import Path
from uuid import uuid4

from posecache.config.stages import PAGE, Job, Stages


@dataclass(frozen=True)
class Verdicts:
    """Whether what stands is stale, by outputs. `forced` are rules or outputs that a user names."""

    forced: Collection[str] = ()
    _found: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    def is_stale(self, job: Job) -> bool:
        """Whether a thing stands that was made from something else, or from something stale.

        What is missing is not stale: it may have been removed to save space, and is not made for
        the sake of what was made from it.
        """
        if job.output not in self._found:
            below = [self.is_stale(part) for part in job.upstream]
            told = job.rule in self.forced or job.output in self.forced
            changed = Path(job.output).exists() and not job.is_current
            self._found[job.output] = told or changed or any(below)
        return self._found[job.output]

    def is_current(self, job: Job) -> bool:
        """Whether a thing stands as it is to be."""
        return Path(job.output).exists() and not self.is_stale(job)


def settle(stages: Stages) -> None:
    """Let the times of what stands say what the records say, as Snakemake goes by times.

    What is current becomes newer than what it was made from; a copy may have mixed that up. What is
    missing counts as old as the newest of its parts: Snakemake looks through it.
    """
    verdicts, times = Verdicts(), dict[str, float]()

    def visit(job: Job) -> float:
        if job.output not in times:
            newest = max(map(visit, job.upstream), default=0.0)
            for path in job.timed:
                if path.stat().st_mtime < newest and not verdicts.is_stale(job):
                    with suppress(PermissionError):  # a cache of somebody else's
                        os.utime(path)
            times[job.output] = _time(job.output) or newest
        return times[job.output]

    for job in _standing(stages):
        visit(job)


def _standing(stages: Stages) -> Iterator[Job]:
    """The jobs that have made what stands of all that the configuration allows."""
    config, models = stages.config, stages.config.models
    jobs = chain(
        (stages.job("samples", name) for name in config.samples),
        (stages.job("model", name) for name in models),
        (stages.job("logits", *pair) for pair in product(models, config.samples)),
        (stages.job("score", *pair) for pair in product(models, config.benchmarks)),
        (stages.job("table", name) for name in stages.things.tables),
        (stages.job("annotations", name) for name in config.annotations),
        (stages.job("active_learning", name) for name in config.active_learning),
        (stages.job(*PAGE),),
    )
    return (job for job in jobs if Path(job.output).exists())


def _time(output: str) -> float:
    """When an output was made; 0 if it does not stand."""
    path = Path(output)
    return path.stat().st_mtime if path.exists() else 0.0


def signal(output: str, path: Path) -> str:
    """Write a file that is newer than a stale output and unlike any earlier one.

    As an input it makes Snakemake run the job, whatever it remembers. An output from this clock's
    future would be newer, and one of time 0 is not looked at: their times become a moment ago.
    """
    now = time.time()
    if Path(output).exists() and not 0 < _time(output) < now:
        os.utime(output, (now - 1, now - 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(uuid4().hex)
    return str(path)
