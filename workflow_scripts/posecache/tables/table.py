"""What a table is: which numbers of which models it holds, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OURS = "ours"  # the column with our models' names
SEEDS = "seeds"  # the column with the number of training runs, where it is more than one
BEST = "best"  # the column that tells which row of a sweep is the best


def spread_of(column: str) -> str:
    """The column with a number's standard deviation over the training runs."""
    return f"{column}_sd"


@dataclass(frozen=True)
class Column:
    """A number of a row: a metric of the row's benchmark on this dataset."""

    name: str  # in the CSV
    heading: str
    dataset: str
    metric: str


@dataclass(frozen=True)
class Row:
    """A row's labels, the student or teacher that is scored, and the benchmark on each dataset."""

    labels: tuple[str, ...]
    model: str
    benchmarks: Mapping[str, str]
    group: str = ""  # the rows of a group are compared with each other
    optional: bool = False  # left out of a published table where nobody plays its part


@dataclass(frozen=True, kw_only=True)
class Table:
    """`published` is a CSV with the table's labels and column names; `averaged` names the two
    columns whose mean is the last one; `by` names the column whose highest number is marked."""

    title: str
    labels: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published: Path | None = None
    averaged: tuple[str, str] | None = None
    by: str | None = None
    keypoints: bool = False  # whether there is a column with the model's number of keypoints

    @property
    def scores(self) -> list[tuple[str, str]]:
        """(student or teacher, benchmark) of every score that the table is made from."""
        return list(dict.fromkeys((r.model, b) for r in self.rows for b in r.benchmarks.values()))
