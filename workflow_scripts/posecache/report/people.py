"""Which people the page shows: the best and the worst ones of the shown student, and others.

Shapes: N persons of a sample set, K keypoints of the student.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posecache import samples, skeletons
from posecache.logits.store import open as open_logits
from posecache.report.contents import Contents
from posecache.samples.store import SampleStore
from posecache.scores.benchmarks import Benchmark
from posecache.scores.predictions import Predictions, predict
from posecache.scores.settings import Measure
from posecache.skeletons import Skeleton
from posecache.skeletons.placing import placed

CASES = {"worst": 3, "typical": 2, "best": 3}
SETS = 4  # sample sets, at most, whose people are shown
UNSCORED = 3  # people of each training set
LABELLED = 0.5  # of the counted keypoints: what a person needs to be among the cases
WORDS = {"oks": "OKS {:.2f}", "pckh": "{:.2f} head sizes off"}


@dataclass(frozen=True)
class Case:
    """A person and why they are shown."""

    row: int
    kind: str  # worst, typical, best, or example
    told: str  # the value by which they were chosen


@dataclass(frozen=True)
class Labels:
    """What people's keypoints truly are."""

    skeleton: Skeleton
    keypoints: np.ndarray  # (N, K, 2) image px, NaN where not labelled

    def at(self, rows: Sequence[int]) -> "Labels":
        """Those of some rows."""
        return Labels(self.skeleton, self.keypoints[list(rows)])

    def among(self, wanted: Skeleton) -> np.ndarray:
        """Keypoints (N, K, 2) of another skeleton, NaN where there is none."""
        return placed(self.keypoints, self.skeleton.keypoints, wanted)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A sample set on which the shown student is scored, and its value of each person."""

    store: SampleStore
    benchmark: str
    measure: Measure
    skeleton: Skeleton  # the student's
    predictions: Predictions  # of all persons, as they are scored
    values: np.ndarray  # (N,) OKS or distance in head sizes, NaN where few keypoints are labelled
    labels: Labels

    @cached_property
    def order(self) -> np.ndarray:
        """The rows that have a value, the best ones first."""
        known = np.flatnonzero(~np.isnan(self.values))
        return known[np.argsort(self._sign * self.values[known], kind="stable")]

    @property
    def _sign(self) -> float:
        """What makes a smaller value a better one."""
        return -1.0 if self.measure.metric == "oks" else 1.0

    def cases(self) -> list[Case]:
        """The worst, some typical and the best persons; nobody twice."""
        order = self.order.tolist()
        middle = len(order) // 2 - CASES["typical"] // 2
        found = {
            "worst": order[::-1][: CASES["worst"]],
            "typical": order[max(middle, 0) :][: CASES["typical"]],
            "best": order[: CASES["best"]],
        }
        seen: dict[int, Case] = {}
        for kind, rows in found.items():
            for row in rows:
                seen.setdefault(row, Case(row, kind, self.told(row)))
        return list(seen.values())

    def told(self, row: int) -> str:
        """A person's value in words."""
        return WORDS[self.measure.metric].format(self.values[row])

    def images(self, count: int) -> list[int]:
        """Images from the best to the worst, evenly spaced by the mean value of their persons."""
        index = self.store.column("image_index")[self.order]
        found, place = np.unique(index, return_inverse=True)
        means = np.bincount(place, self.values[self.order]) / np.bincount(place)
        ranked = found[np.argsort(self._sign * means, kind="stable")]
        shares = (np.arange(min(count, len(found))) + 0.5) / min(count, len(found))
        return ranked[(shares * len(found)).astype(int)].tolist()


def scored(contents: Contents, name: str) -> Scored:
    """The shown student on a sample set, by the first benchmark there that counts all keypoints,
    or else by the first."""
    assert contents.student is not None
    benchmark = min(
        (b for b, entry in contents.benchmarks.items() if entry.samples == name),
        key=lambda b: contents.benchmarks[b].measure.shared_with is not None,
    )
    measure, store = contents.benchmarks[benchmark].measure, samples.open(contents.samples[name])
    logits = open_logits(contents.logits[contents.student, name], samples=store)
    own, predictions = skeletons.load(logits.skeleton), predict(logits)
    counted = Benchmark(measure, store)
    found = counted.by_person(predictions, own)
    few = (~np.isnan(found.labels).any(-1)).mean(-1) < LABELLED
    return Scored(
        store=store, benchmark=benchmark, measure=measure, skeleton=own, predictions=predictions,
        values=np.where(few, np.nan, found.values), labels=Labels(counted.skeleton, found.labels),
    )  # fmt: skip


def examples(store: SampleStore) -> list[Case]:
    """A few persons of a set that the student is not scored on, evenly spaced."""
    rows = np.linspace(0, store.n - 1, min(UNSCORED, store.n) + 2)[1:-1].astype(int)
    return [Case(row, "example", "learned from") for row in np.unique(rows).tolist()]
