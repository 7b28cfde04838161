"""How far estimated times are from those that jobs took, in an experiment that has run.

For each training run and cached store: the time that `posecache plan` would have told, over the
seconds that Snakemake measured of the job; by the model's own speed, as if only those of other
models had been measured, and as if none had. From the folder in which the experiment has run:

    python benchmarks/estimates.py config.yaml
"""

import argparse
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from posecache.config.places import open_experiment
from posecache.config.stages import Job, Stages
from posecache.estimates.outlook import Outlook
from posecache.estimates.rows import RowCounts
from posecache.estimates.speeds import Speeds, Stage
from posecache.estimates.work import Workload, seconds_taken


@dataclass(frozen=True)
class Without(Speeds):
    """Speeds of which those of some models were never measured."""

    models: frozenset[str] = frozenset()

    @cached_property
    def measured(self) -> Mapping[Stage, Mapping[str, float]]:
        return {
            stage: {name: speed for name, speed in found.items() if name not in self.models}
            for stage, found in super().measured.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    stages = Stages(open_experiment([parser.parse_args().config], {}))
    jobs = list(finished(stages))
    print("| jobs | measured of | told over taken, median | least | most |\n|---|---|---|---|---|")
    for rules in (("train_student", "train_teacher"), ("cache_logits",)):
        chosen = [job for job in jobs if job.rule in rules]
        own = [frozenset([job.thing.names[0]]) for job in chosen]
        unmeasured = {
            "itself": [frozenset[str]()] * len(own),
            "others": own,
            "none": [frozenset(stages.config.models)] * len(own),
        }
        for known, models in unmeasured.items():
            pairs = zip(chosen, models, strict=True)
            ratios = [told(stages, job, names) / taken(job) for job, names in pairs]
            row = [statistics.median(ratios), min(ratios), max(ratios)]
            cells = [f"{len(chosen)} {rules[0]}", known, *(f"{ratio:.2f}" for ratio in row)]
            print(f"| {' | '.join(cells)} |")


def finished(stages: Stages) -> Iterator[Job]:
    """Training runs and stores that stand, and of which Snakemake has measured the time."""
    for job in Outlook(stages).jobs:
        trained = job.rule in ("train_student", "train_teacher")
        if (trained or job.rule == "cache_logits") and job.is_current and seconds_taken(job):
            yield job


def told(stages: Stages, job: Job, unmeasured: frozenset[str]) -> float:
    """Seconds that would have been told."""
    speeds = Without(stages, unmeasured)
    seconds = Workload(stages, RowCounts(stages), speeds).of(job).seconds
    assert seconds is not None
    return seconds


def taken(job: Job) -> float:
    seconds = seconds_taken(job)
    assert seconds is not None
    return seconds


if __name__ == "__main__":
    main()
