"""A configuration with the students of its sweeps written down."""

from collections.abc import Iterator, Mapping
from typing import Any

from posecache.config.documents import Document
from posecache.config.models import Student
from posecache.config.schema import Config
from posecache.config.sweeps import Sweep, Variant, entry_of, path


def written_out(document: Document, config: Config) -> Document:
    """A document with the students of its sweeps; ValueError if one of them is written there.

    They stand where their values stand. A student that is there by its own or by another sweep is
    trained with the seeds of all of them.
    """
    students, places = dict(document.content["students"]), dict(document.places)
    for name, sweep in config.sweeps.items():
        own = entry_of(config.students[sweep.student], config.training)
        for variant in config.variants(sweep):
            if variant.changes and variant.model in config.students:
                problem = f"sweeps.{name}: students.{variant.model} stands there already"
                raise ValueError(document.located(problem))
            found = students.get(variant.model)
            seeds = _seeds(config, sweep, found)
            students[variant.model] = (found or variant.entry(own)) | {"seeds": seeds}
            for key, place in _places(document, name, sweep, variant):
                places.setdefault(key, place)
    return Document({**document.content, "students": students}, places)


def _seeds(config: Config, sweep: Sweep, found: Mapping[str, Any] | None) -> list[int]:
    """The seeds of a sweep, after those of what stands there by the same name."""
    before = [] if found is None else config.seeds_of(Student.model_validate(found))
    own = config.seeds_of(config.students[sweep.student])
    return list(dict.fromkeys([*before, *(sweep.seed or own)]))


def _places(
    document: Document, name: str, sweep: Sweep, variant: Variant
) -> Iterator[tuple[str, str]]:
    """The keys of a variant, each with the place of the value that it has."""
    student, key = f"students.{variant.model}", f"sweeps.{name}"
    yield student, document.place(key)
    for swept, value in variant.changes.items():
        place = document.place(f"{key}.{swept}.{sweep.values[swept].index(value)}")
        for depth in range(len(path(swept)), 0, -1):
            yield ".".join([student, *path(swept)[:depth]]), place
