"""How many persons a sample set has, as far as it is known before it is prepared."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from posecache import datasets
from posecache.config.stages import Stages
from posecache.datasets.demo.settings import PEOPLE
from posecache.datasets.records import GROUND_TRUTH

# Persons whom posecache reads from the datasets' own files, by the names that these have.
CUSTOMARY: Mapping[str, int] = {
    "person_keypoints_train2017.json": 149_813,
    "person_keypoints_val2017.json": 6_352,
    "COCO_val2017_detections_AP_H_56_person.json": 104_125,
    "mpii_train.json": 22_246,
    "mpii_val.json": 2_958,
}


@dataclass(frozen=True)
class Rows:
    """A number of persons, and how it is known; 0 if it is not."""

    count: int
    known: str

    def __add__(self, other: "Rows") -> "Rows":
        """Those of both; unknown if one of them is."""
        known = ", ".join(dict.fromkeys([self.known, other.known]))
        return Rows(self.count + other.count if self.count and other.count else 0, known)


UNKNOWN = Rows(0, "not known yet")
UNREADABLE = Rows(0, "a wrong file")  # `posecache doctor` says what is wrong


class Prepared(Struct):
    """What is read of a sample store's manifest."""

    num_rows: int


@dataclass(frozen=True)
class RowCounts:
    """The rows of each sample set. With `read`, files that are not prepared yet are read for it."""

    stages: Stages
    read: bool = False
    _known: dict[str, Rows] = field(default_factory=dict, repr=False, compare=False)

    def of(self, *samples: str) -> Rows:
        """The rows of some sample sets together."""
        found = [self._one(name) for name in samples]
        return sum(found[1:], found[0])

    def _one(self, name: str) -> Rows:
        if name not in self._known:
            found = self._prepared(name) or self._counted(name) or self._guessed(name)
            self._known[name] = found or UNKNOWN
        return self._known[name]

    def _prepared(self, name: str) -> Rows | None:
        """The rows of a store that stands."""
        job = self.stages.job("samples", name)
        if not Path(job.output).exists() or not job.is_current:
            return None
        with suppress(msgspec.DecodeError):  # who reads it for more than an estimate will tell
            manifest = msgspec.json.decode(Path(job.output).read_bytes(), type=Prepared)
            return Rows(manifest.num_rows, "prepared")
        return None

    def _counted(self, name: str) -> Rows | None:
        """The persons in a file that is there, as it is to be read."""
        job = self.stages.job("samples", name)
        there = all(Path(path).is_file() for path in job.reads)
        if not self.read or not there or not all(part.is_current for part in job.upstream):
            return None
        try:
            people = datasets.read(self.stages.config.samples[name].source())
        except ValueError:
            return UNREADABLE
        return Rows(len(people.box), "counted")

    def _guessed(self, name: str) -> Rows | None:
        """What the demo's settings or a file's name tell."""
        entry = self.stages.config.samples[name]
        wanted = self.stages.config.rendered.get(entry.annotations)
        if wanted is not None:
            return Rows(round(wanted.images * PEOPLE[wanted.framed]), "guessed")
        if entry.images_list is not None or entry.min_box_score is not None:
            return None
        file = entry.annotations if entry.boxes == GROUND_TRUTH else entry.boxes
        count = CUSTOMARY.get(Path(file).name)
        return None if count is None else Rows(count, "customary")
