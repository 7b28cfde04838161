"""The minutes that jobs ask a cluster for."""

import math
from collections.abc import Callable
from typing import Any

from posecache.config.resources import row_mb
from posecache.config.stages import Job, Stages
from posecache.estimates.rows import RowCounts
from posecache.estimates.speeds import Speeds
from posecache.estimates.work import GUESSED, Workload

LEAST = 15  # minutes
MARGIN, GUESS_MARGIN = 2, 5  # times the time that is expected
SEALED = 50.0  # MB/s of logits, decoded: a guess

Asked = Callable[[Any, int], int]  # of a job's wildcards and the number of its try, from 1


class Times:
    """Minutes for each job of an experiment: as expected, with a margin, and no more than allowed.

    A job of which nothing is known asks for all that is allowed. Each further try asks for more.
    """

    def __init__(self, stages: Stages) -> None:
        self.config, self.stages = stages.config, stages
        self.workload = Workload(stages, RowCounts(stages), Speeds(stages))

    def of(self, kind: str, *names: str) -> Asked:
        """What a rule's jobs ask for: `names` are the thing's, or wildcards that stand for them."""
        jobs = self.config.logits.jobs if kind == "logits" else 1
        return lambda wildcards, attempt: self.minutes(
            self.stages.job(kind, *_filled(wildcards, names)), attempt, jobs
        )

    def sealing(self, *names: str) -> Asked:
        """What the jobs ask for that gather what several have written."""

        def minutes(wildcards: Any, attempt: int) -> int:
            model, samples = _filled(wildcards, names)
            rows = self.workload.rows.of(samples).count
            return self._asked(rows * row_mb(self.config, model) / SEALED, GUESS_MARGIN, attempt)

        return minutes

    def minutes(self, job: Job, attempt: int = 1, jobs: int = 1) -> int:
        """What one of the `jobs` asks for that share the work."""
        work = self.workload.of(job)
        if work.seconds is None:
            return self.config.compute.max_minutes
        margin = GUESS_MARGIN if work.known == GUESSED else MARGIN
        return self._asked(work.seconds / jobs, margin, attempt)

    def _asked(self, seconds: float, margin: int, attempt: int) -> int:
        asked = attempt * max(LEAST, math.ceil(margin * seconds / 60))
        return min(asked, self.config.compute.max_minutes)


def _filled(wildcards: Any, names: tuple[str, ...]) -> list[str]:
    return [getattr(wildcards, name, name) for name in names]
