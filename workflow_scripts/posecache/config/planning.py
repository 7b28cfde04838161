"""Which things that stand are to be made again, and how Snakemake is told."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from posecache.config.stages import Job

LONG_AGO = 1  # s; Snakemake takes 0 for no time


@dataclass(frozen=True)
class Verdicts:
    """Whether what stands is stale, by outputs. `forced` are rules or outputs that a user names."""

    forced: Collection[str] = ()
    _found: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)
    _times: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

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

    def settle(self, job: Job) -> float:
        """Let the times of what stands say what its records say, as Snakemake goes by times.

        What is current becomes newer than what it was made from; a copy may have mixed that up.
        Returns when the output was made, or, if it is missing, when the newest of its parts was:
        so Snakemake looks through what is missing, too.
        """
        if job.output not in self._times:
            newest = max(map(self.settle, job.upstream), default=0.0)
            for output in job.outputs:
                if 0 < _time(output) < newest and not self.is_stale(job):
                    os.utime(output)
            self._times[job.output] = _time(job.output) or newest
        return self._times[job.output]


def _time(output: str) -> float:
    """When an output was made; 0 if it does not stand."""
    path = Path(output)
    return path.stat().st_mtime if path.exists() else 0.0


def signal(output: str, path: Path) -> str:
    """Write a file that is newer than a stale output and unlike any earlier one.

    As an input it makes Snakemake run the job, whatever it remembers. The output is made to look
    old, as its time may lie in the future of this machine's clock.
    """
    if Path(output).exists():
        os.utime(output, (LONG_AGO, LONG_AGO))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(uuid4().hex)
    return str(path)
