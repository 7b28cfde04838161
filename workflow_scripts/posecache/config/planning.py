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
