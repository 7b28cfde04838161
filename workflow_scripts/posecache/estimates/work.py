"""What a job has to do, and how long that takes."""

import csv
from dataclasses import dataclass, field

from posecache.config.stages import Job, Stages
from posecache.estimates.rows import RowCounts, Rows
from posecache.estimates.speeds import Speeds

# Guesses, where nothing was measured.
STARTUP = 5.0  # s until a job's Python works
RENDERED, CUT, SCORED = 100.0, 150.0, 1000.0  # pictures/s, persons/s a thread, persons/s
IMPORT, PAGE = 20.0, 30.0  # s
MEASURED, GUESSED, STATED, UNKNOWN = "measured", "guessed", "stated", "unknown"


@dataclass(frozen=True)
class Work:
    """A job's persons, forward passes and time; `passes` of training are samples seen."""

    rows: Rows | None
    seconds: float | None  # None: nobody knows how much there is to do
    known: str  # how the time is known
    passes: int = 0
    a_second: float | None = None  # passes


@dataclass(frozen=True)
class Workload:
    """The work of an experiment's jobs."""

    stages: Stages
    rows: RowCounts
    speeds: Speeds
    _known: dict[str, Work] = field(default_factory=dict, repr=False, compare=False)

    def of(self, job: Job) -> Work:
        """A job's work, from its beginning."""
        if job.output not in self._known:
            self._known[job.output] = self._of(job)
        return self._known[job.output]

    def _of(self, job: Job) -> Work:
        names, config = job.thing.names, self.stages.config
        match job.thing.kind:
            case "logits":
                return self._caching(*names)
            case "model" if names[0] in config.trained:
                return self._training(*names)
            case "model":
                return self._small(job, None, IMPORT)
            case "demo":
                return self._small(job, None, config.rendered[names[0]].images / RENDERED)
            case "samples":
                rows = self.rows.of(*names)
                return self._small(job, rows, rows.count / (CUT * config.compute.threads))
            case "score":
                rows = self.rows.of(config.benchmarks[names[1]].samples)
                return self._small(job, rows, rows.count / SCORED)
            case "annotations":  # every picture is decoded
                rows = self.rows.of(config.annotations[names[0]].samples)
                return self._small(job, rows, rows.count / (CUT * config.compute.threads))
            case "active_learning":
                rows = self.rows.of(*names)
                return self._small(job, rows, rows.count / SCORED)
            case "report":
                return self._small(job, None, PAGE)
        return self._small(job, None, 0.0)

    def _caching(self, model: str, samples: str) -> Work:
        """A model's run over a sample set."""
        rows, how = self.rows.of(samples), self.stages.things.caching(model, samples)
        looks, speed = how.views.looks * (1 + how.flip), self.speeds.of("cache", model)
        a_second = speed.a_second
        if speed.known == GUESSED:  # no faster than persons are cut out of their pictures
            a_second = min(a_second, looks * CUT * self.stages.config.compute.threads)
        return self._run(rows, rows.count * looks, a_second, speed.known)

    def _training(self, model: str) -> Work:
        """All epochs of a training run."""
        rows = self.rows.of(*self.stages.config.trained[model].samples)
        passes = rows.count * self.stages.config.recipe(model).epochs
        speed = self.speeds.of("train", model)
        return self._run(rows, passes, speed.a_second, speed.known)

    def _run(self, rows: Rows, passes: int, a_second: float, known: str) -> Work:
        if not rows.count:
            return Work(rows, None, UNKNOWN, 0, a_second)
        return Work(rows, STARTUP + passes / a_second, known, passes, a_second)

    def _small(self, job: Job, rows: Rows | None, seconds: float) -> Work:
        """Work of minutes, whose time an earlier run of the same job tells."""
        measured = seconds_taken(job)
        if measured is not None:
            return Work(rows, measured, MEASURED)
        if rows is not None and not rows.count:
            return Work(rows, None, UNKNOWN)
        return Work(rows, STARTUP + seconds, GUESSED)


def seconds_taken(job: Job) -> float | None:
    """Seconds that the job took when Snakemake ran it last."""
    found = []
    for path in job.benchmarks:
        with path.open() as file:
            rows = csv.DictReader(file, delimiter="\t")
            found += [float(row["s"]) for row in rows if row["s"] != "NA"]
    return max(found, default=None)
