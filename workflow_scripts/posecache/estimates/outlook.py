"""What a run would do, line by line: what stands, and what is ahead."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from posecache.config.planning import Verdicts
from posecache.config.stages import Job, Stages
from posecache.estimates.duration import duration
from posecache.estimates.pending import everything, pending
from posecache.estimates.rows import RowCounts
from posecache.estimates.sizes import Size, Sizes
from posecache.estimates.speeds import Speeds
from posecache.estimates.work import Work, Workload
from posecache.runs import student_of
from posecache.stores.manifest import LEDGER, PLAN

KINDS = ("demo", "samples", "model", "logits", "score", "table", "annotations", "active_learning",
         "report")  # fmt: skip
TOGETHER = ("demo", "score", "table", "report")  # one line each
CHECKPOINT = "checkpoint.pt"  # as training/checkpoints.py writes it, which would import torch


@dataclass(frozen=True)
class Line:
    """Things of one kind that differ in their seeds alone, and what is ahead of them."""

    kind: str
    name: str
    jobs: list[Job]
    ahead: list[Job]
    state: str


class Outlook:
    """What a run of an experiment would do. Nothing is changed; annotation files are read."""

    def __init__(self, stages: Stages) -> None:
        self.verdicts = Verdicts()
        self.jobs = everything(stages)
        self.runs = pending(stages, self.verdicts)
        rows = RowCounts(stages, read=True)
        self._sizes = Sizes(stages, rows)
        self._work = Workload(stages, rows, Speeds(stages))

    @cached_property
    def ahead(self) -> list[Job]:
        """The jobs that would run, in an order in which they can."""
        return [job for job in self.jobs if job.output in self.runs]

    @property
    def lines(self) -> list[Line]:
        """Everything, by kind, in the order in which it is made."""
        groups: dict[tuple[str, str], list[Job]] = {}
        for job in sorted(self.jobs, key=lambda job: KINDS.index(job.thing.kind)):
            groups.setdefault((job.thing.kind, _name(job)), []).append(job)
        return [self._line(kind, name, jobs) for (kind, name), jobs in groups.items()]

    def _line(self, kind: str, name: str, jobs: list[Job]) -> Line:
        ahead = [job for job in jobs if job.output in self.runs]
        states = dict.fromkeys(self.state(job) for job in jobs)
        return Line(kind, name, jobs, ahead, ", ".join(states))

    def state(self, job: Job) -> str:
        """How far a thing is."""
        if job.output not in self.runs:
            return "stands" if Path(job.output).exists() else "not needed"
        if Path(job.output).exists():
            return "made anew"
        folder = Path(job.output).parent
        begun = (folder / LEDGER / PLAN).exists() or (folder / CHECKPOINT).exists()
        return "begun" if begun else "to make"

    def work(self, job: Job) -> Work:
        """What a job has to do, from its beginning."""
        return self._work.of(job)

    def size(self, jobs: Iterable[Job]) -> Size:
        """What is written by jobs."""
        sizes = [self._sizes.of(job) for job in jobs]
        return Size(sum(size.bytes for size in sizes), sum(size.files for size in sizes))

    def seconds(self, jobs: Iterable[Job]) -> float:
        """The time of jobs, one after the other; those of which nothing is known take none."""
        return sum(self.work(job).seconds or 0.0 for job in jobs)

    def duration(self, workers: int) -> float:
        """Seconds of the whole run if so many jobs run side by side."""
        seconds = {job.output: self.work(job).seconds or 0.0 for job in self.ahead}
        return duration(self.ahead, seconds, workers)


def _name(job: Job) -> str:
    """What a job's line is called."""
    if job.thing.kind in TOGETHER:
        return ""
    model, *samples = job.thing.names
    return " / ".join([student_of(model), *samples])
