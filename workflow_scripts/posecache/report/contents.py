"""What a report page is made from: files of an experiment, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posecache.scores.settings import Measure
from posecache.tables.sweeps import SweptTable
from posecache.tables.table import Table


@dataclass(frozen=True)
class Benchmark:
    """A metric over a sample set."""

    samples: str
    measure: Measure


@dataclass(frozen=True, kw_only=True)
class Contents:
    """An experiment. Stores are those that stand: others may have been removed to save space."""

    title: str
    tables: Mapping[str, tuple[Table, Path]]  # what each is, and its CSV
    sweeps: Mapping[str, SweptTable]  # those of the tables of sweeps
    scores: Sequence[Path]
    benchmarks: Mapping[str, Benchmark]
    runs: Sequence[str]  # training runs of students
    models: Mapping[str, Path]  # folders
    samples: Mapping[str, Path]  # folders: first those that the shown student is scored on
    training_sets: Sequence[str]  # those of `samples` from which the shown student learns
    logits: Mapping[tuple[str, str], Path]  # folders, by model and sample set
    taught: Mapping[tuple[str, str], Path]  # the logits that students learn from
    student: str | None  # the run whose people are shown, with its teachers
    teachers: Sequence[str]
    flip: bool  # whether models are run over mirrored crops too

    @property
    def judged(self) -> list[str]:
        """The sample sets on which the shown student is scored."""
        return [name for name in self.samples if (self.student, name) in self.logits]
