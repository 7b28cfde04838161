"""Sweeps: students that differ from one of the configuration's in values of a few keys.

Each combination of values is a student STUDENT.KEY=VALUE..., with its keys in alphabetical order,
and without those whose value is the student's own. So its name does not depend on what else is
swept, and the combination of the student's own values is the student itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from posecache.config.models import Seeds, Student
from posecache.settings import Name, Settings, distinct, explain
from posecache.tables.settings import Cell, Columns
from posecache.training.recipe import Recipe, merge

Values = Annotated[list[Any], Field(min_length=1), AfterValidator(distinct)]

SHORT = {"alpha": "distil.alpha", "beta": "distil.teachers"}
SECTIONS = ("distil", "freeze", "init", "refine", "samples", "structure", "training")
EXPECTED = f"alpha, beta.TEACHER, seed, or a key of a student's {', '.join(SECTIONS)}"
NAMEABLE = re.compile(r"[A-Za-z0-9_.+-]+")  # "," would end a wildcard where jobs are submitted


class Sweep(Settings):
    """An entry of `sweeps`; every other key is one that is swept, with the list of its values."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Values]

    student: Name = Field(description="name of the student whose keys are swept")
    seed: Seeds | None = Field(None, description="a run each; null: the student's own")
    title: str = Field("", description="above the table")
    columns: Columns | None = Field(
        None, description="{heading: [benchmark, number], ...}; null: its benchmarks' main numbers"
    )
    by: Cell | None = Field(
        None, description="[benchmark, number] whose highest mean is best; null: the first column"
    )

    @property
    def values(self) -> dict[str, list[Any]]:
        """The values of each swept key."""
        return self.__pydantic_extra__


@dataclass(frozen=True)
class Variant:
    """A combination of a sweep's values, and the student that it is."""

    model: str
    values: tuple[Any, ...]  # of the sweep's keys
    changes: Mapping[str, Any]  # keys whose value is not the student's own

    def entry(self, student: Mapping[str, Any]) -> dict[str, Any]:
        """This student's entry, given that of the one that it is made from."""
        found = dict(student)
        for key, value in self.changes.items():
            found = _changed(found, path(key), value)
        return found


def path(key: str) -> list[str]:
    """Where a swept key stands in a student's entry; a teacher's name may have dots."""
    first, dot, rest = key.partition(".")
    return f"{SHORT.get(first, first)}{dot}{rest}".split(".", 2)


def entry_of(student: Student, training: Mapping[str, Any]) -> dict[str, Any]:
    """A student's entry with its whole recipe, of which `training` is the common part."""
    own = student.model_dump(exclude_unset=True)
    return own | {"training": merge(training, student.training)}


def variants(sweep: Sweep, student: Mapping[str, Any]) -> list[Variant]:
    """Every combination of a sweep's values, given its student's entry."""
    own = _meaning(student)
    other = {
        key: [v for v in values if _meaning(_changed(student, path(key), v)) != own]
        for key, values in sweep.values.items()
    }
    found = []
    for values in product(*sweep.values.values()):
        given = zip(sweep.values, values, strict=True)
        changes = {key: value for key, value in sorted(given) if value in other[key]}
        parts = [f"{key}={text(value)}" for key, value in changes.items()]
        found.append(Variant(".".join([sweep.student, *parts]), values, changes))
    return found


def text(value: Any) -> str:
    """A value as part of a model's name, such as 0.5, 64+96 or true."""
    if isinstance(value, list | tuple):
        return "+".join(map(text, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def problems(name: str, sweep: Sweep, student: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a sweep's keys and values, given its student's entry."""
    if not sweep.values:
        yield f"sweeps.{name}: no key is swept, expected {EXPECTED}"
    for key, values in sweep.values.items():
        place = f"sweeps.{name}.{key}"
        if path(key)[0] not in SECTIONS or path(key) == ["training", "seed"]:
            yield f"{place}: unknown key, expected {EXPECTED}"
        for short, full in SHORT.items():  # a model has one name
            if f"{key}.".startswith(f"{full}."):
                yield f"{place}: this is called {key.replace(full, short)} here"
        for index, value in enumerate(values):
            yield from _refused(f"{place}.{index}", value, _changed(student, path(key), value))


def _refused(place: str, value: Any, changed: Mapping[str, Any]) -> Iterator[str]:
    """Why a value cannot be swept, or cannot be the student's."""
    if isinstance(value, Mapping) or not NAMEABLE.fullmatch(text(value)):
        yield f"{place}: {value!r} cannot stand in a model's name: write such students down"
    try:
        _meaning(changed)
    except ValidationError as error:
        yield f"{place}: {explain(error)}"


def _meaning(student: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an entry with a whole recipe says of the model."""
    found = Student.model_validate(student)
    start = found.init, sorted(found.freeze), found.refine
    losses = found.distil, found.structure
    return found.samples, start, losses, Recipe.model_validate(found.training)


def _changed(section: Any, path: Sequence[str], value: Any) -> Any:
    """A section with the value at a path replaced or added."""
    if not path:
        return value
    known = section if isinstance(section, Mapping) else {}
    return {**known, path[0]: _changed(known.get(path[0]), path[1:], value)}
