"""What a configuration names: its files, their digests, and the first pictures of sample sets."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from posecache import datasets, files
from posecache.config.stages import Job, Stages
from posecache.doctor.finding import FAIL, OK, WARN, Finding, several
from posecache.estimates.outlook import Outlook
from posecache.models.importing import NAMED_DIGEST
from posecache.samples import open as open_samples
from posecache.samples import pictures

FIRST = 100  # pictures of each sample set
Look: TypeAlias = Callable[[], Any]  # ValueError for what is wrong


def examine(stages: Stages, outlook: Outlook) -> Iterator[Finding]:
    """All that the jobs ahead read and that no job makes."""
    missing = list(_missing(outlook))
    yield from missing
    needed = {path for job in outlook.ahead for path in _given(job)}
    if not missing:
        found = f"{len(needed)} that the jobs ahead read are there" if needed else "none are needed"
        yield Finding(OK, "files", found)
    yield from _digests(stages, outlook)
    yield from _packages(stages, outlook)
    for name in stages.config.samples:
        yield from _pictures(stages, outlook, name)


def _given(job: Job) -> list[str]:
    """The user's files that a job reads."""
    return [*job.thing.files, *job.thing.described]


def _missing(outlook: Outlook) -> Iterator[Finding]:
    """Files that are not there or may not be read, once each."""
    needed: dict[str, list[str]] = {}
    for job in outlook.ahead:
        for path in _given(job):
            needed.setdefault(path, []).append(" ".join((job.thing.kind, *job.thing.names)))
    for path, by in needed.items():
        if Path(path).is_file() and os.access(path, os.R_OK):
            continue
        problem = "may not be read" if Path(path).is_file() else "no such file"
        todo = f"put it there, or correct the path: {several(by)} needs it"
        yield Finding(FAIL, "files", f"{path}: {problem}", todo)


def _digests(stages: Stages, outlook: Outlook) -> Iterator[Finding]:
    """Teachers' files against the digests that the configuration or their names say."""
    right = []
    for name, teacher in stages.config.imported.items():
        path = Path(teacher.weights)
        if stages.job("model", name).output not in outlook.runs or not path.is_file():
            continue
        found, named = files.sha256(path), NAMED_DIGEST.search(path.name)
        if teacher.sha256 is not None and not found.startswith(teacher.sha256.lower()):
            told = f"{path}: sha256 is {found[:16]}..., expected {teacher.sha256}"
            todo = f"fetch it again, or correct teachers.{name}.sha256"
            yield Finding(FAIL, "sha256", told, todo)
        elif teacher.sha256 is None and named is not None and not found.startswith(named[1]):
            told = f"{path}: sha256 is {found[:16]}..., its name says {named[1]}"
            yield Finding(WARN, "sha256", told, "damaged, or saved anew? Fetch it again")
        elif teacher.sha256 is not None:
            right.append(name)
    if right:
        yield Finding(OK, "sha256", f"as stated: {several(right)}")


def _packages(stages: Stages, outlook: Outlook) -> Iterator[Finding]:
    """Packages that are not everybody's."""
    config = stages.config
    models = [m for m in config.trained if stages.job("model", m).output in outlook.runs]
    if any(config.recipe(model).tensorboard for model in models):
        todo = "`pip install tensorboard`, or `tensorboard: false`"
        if find_spec("tensorboard") is None:
            yield Finding(FAIL, "TensorBoard", "is asked for and not installed", todo)


def _pictures(stages: Stages, outlook: Outlook, name: str) -> Iterator[Finding]:
    """The first pictures of a sample set that some job ahead reads."""
    job = stages.job("samples", name)
    if not _are_read(outlook, job):
        return
    if any(part.output in outlook.runs for part in job.upstream):
        yield Finding(OK, "pictures", f"{name}: rendered first")
    elif all(Path(path).is_file() for path in job.reads):  # else told already
        given = _prepared if job.output not in outlook.runs else _unprepared
        try:
            yield _looked_at(name, list(islice(given(stages, name), FIRST)))
        except ValueError as error:
            yield Finding(FAIL, "pictures", str(error), f"correct the file, or samples.{name}")


def _are_read(outlook: Outlook, job: Job) -> bool:
    """Whether a sample set is prepared, or a model run over it."""
    caching = (ahead for ahead in outlook.ahead if ahead.thing.kind == "logits")
    return job.output in outlook.runs or any(job in reader.upstream for reader in caching)


def _looked_at(name: str, looks: list[Look]) -> Finding:
    """What looks at a sample set's first pictures tell."""
    problems = [problem for look in looks if (problem := _problem(look)) is not None]
    if not problems:
        return Finding(OK, "pictures", f"{name}: its first {len(looks)} are whole")
    told = f"{name}: {len(problems)} of its first {len(looks)}: {problems[0]}"
    return Finding(FAIL, "pictures", told, f"fetch them again, or correct samples.{name}.images")


def _unprepared(stages: Stages, name: str) -> Iterator[Look]:
    """A look at each picture in which somebody is, by the annotation file."""
    people = datasets.read(stages.config.samples[name].source())
    for row in np.unique(people.image_index, return_index=True)[1].tolist():
        yield partial(pictures.inspect, people.image_path(row))


def _prepared(stages: Stages, name: str) -> Iterator[Look]:
    """A look at each picture of a prepared sample set, which must be as it was."""
    store = open_samples(Path(stages.places.samples(name)))
    for row in np.unique(store.column("image_index"), return_index=True)[1].tolist():
        picture = store.picture(row)
        yield partial(pictures.recognised, picture.path, picture.digest)


def _problem(look: Look) -> str | None:
    """What is wrong with a picture; None if nothing is."""
    try:
        look()
    except ValueError as error:
        return str(error)
    return None
