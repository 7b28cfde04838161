"""Making the report page: one HTML file that needs no other and no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import posecache
from posecache import samples
from posecache.models.card import CARD_FILE, Card
from posecache.report import facts, numbers, plots
from posecache.report.contents import Contents
from posecache.report.inspector import Shown, gathered
from posecache.report.looks import Looks
from posecache.report.numbers import Model
from posecache.report.people import SETS, Labels, examples, scored
from posecache.report.pictures import Strip, strip_of
from posecache.runs import student_of
from posecache.skeletons import load
from posecache.training.history import HISTORY

FOLDER = Path(__file__).parent / "page"
STRIPS, PANELS = 2, 4  # of pictures with everybody; of accuracy against cost


@dataclass
class People:
    """The pictures of the page."""

    strips: list[Strip] = field(default_factory=list)
    sets: list[tuple[str, str, list[Shown]]] = field(default_factory=list)  # name, benchmark, cases
    taught: list[Shown] = field(default_factory=list)  # of training sets

    @property
    def records(self) -> list[dict[str, Any]]:
        """What the inspector needs of each person."""
        judged = [person for *_, cases in self.sets for person in cases]
        return [person.record for person in [*judged, *self.taught]]


def make(contents: Contents, threads: int = 1) -> str:
    """The page. Raises ValueError for stores, pictures and models that are not what they were."""
    models, people = numbers.models(contents), looked_at(contents, threads)
    charted, listed = _charted(contents, models), _scored_on(contents, models)
    return _template().render(
        title=contents.title,
        made=datetime.now().strftime("%Y-%m-%d %H:%M"),
        version=posecache.__version__,
        tables=[numbers.filled(name, *table) for name, table in contents.tables.items()],
        models=models,
        benchmarks={name: numbers.headline(contents, name) for name in listed},
        sweeps={
            name: plots.sweep(sweep, contents.tables[name][1], name)
            for name, sweep in contents.sweeps.items()
        },
        panels=len(charted),
        cost_plot=plots.accuracy_against_cost(models, charted) if charted else "",
        curves=_curves(contents),
        best=_best(contents, models, charted),
        stores=facts.stores(contents, threads),
        checked=facts.CHECKED,
        people=people,
        student=contents.student,
        teachers=contents.teachers,
        data=_data(contents, people),
    )


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html")


def looked_at(contents: Contents, threads: int) -> People:
    """The shown student's people: of sets that it is scored on, then of those it learns from."""
    people, looks = People(), Looks(contents, threads)
    strips = []
    for name in contents.judged[:SETS]:
        found = scored(contents, name)
        strips.append(strip_of(found))
        cases = found.cases()
        if cases:
            group = gathered(contents, looks, found.store, cases, found.labels)
            people.sets.append((name, found.benchmark, group.shown()))
    for name in contents.training_sets:
        store = samples.open(contents.samples[name])
        labels = Labels(load(store.skeleton), store.keypoints)
        people.taught += gathered(contents, looks, store, examples(store), labels).shown()
    drawn = [strip for strip in strips if strip.pictures]
    people.strips = ([strip for strip in drawn if strip.added] or drawn)[:STRIPS]
    return people


def _scored_on(contents: Contents, models: Sequence[Model]) -> list[str]:
    """The benchmarks for which there are scores."""
    return [name for name in contents.benchmarks if any(name in m.scores for m in models)]


def _best(
    contents: Contents, models: Sequence[Model], benchmarks: Mapping[str, str]
) -> list[tuple[str, str, Model]]:
    """The best student on some benchmarks, after the benchmark and its headline number's name."""
    students = {student_of(run) for run in contents.runs}
    found = []
    for name, what in benchmarks.items():
        own = [m for m in models if m.name in students and name in m.scores]
        if own:
            found.append((name, what, max(own, key=lambda m: m.scores[name].value or 0.0)))
    return found


def _charted(contents: Contents, models: Sequence[Model]) -> dict[str, str]:
    """The first benchmark of each sample set with several models, and its headline number."""
    found: dict[str, str] = {}
    for name in _scored_on(contents, models):
        if sum(name in model.scores for model in models) > 1:
            found.setdefault(contents.benchmarks[name].samples, name)
    return {name: numbers.headline(contents, name) for name in list(found.values())[:PANELS]}


def _curves(contents: Contents) -> list[tuple[str, int, str]]:
    """Each student's name, the number of its runs, and its curves."""
    runs: dict[str, list[Path]] = {}
    for run in contents.runs:
        if (contents.models[run] / HISTORY).exists():  # a model that was copied may lack it
            runs.setdefault(student_of(run), []).append(contents.models[run])
    return [(name, len(own), plots.curves(own, name)) for name, own in runs.items()]


def _start(people: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """What the inspector shows first: of typical people the one, and the keypoint, on which the
    models disagree most."""
    typical = [n for n, shown in enumerate(people) if shown["kind"] == "typical"]
    apart = {n: disagreement(people[n]) for n in typical or range(len(people))}
    person = max(apart, key=lambda n: apart[n].max())
    return person, int(apart[person].argmax())


def disagreement(person: Mapping[str, Any]) -> np.ndarray:
    """How far apart in px of the crop the models are of which most have a keypoint (K,); 0 for the
    keypoints that fewer have."""
    said = person["models"].values()
    of = np.array([own["of"] for own in said])
    places = np.stack([np.array(own["keypoints"])[own["of"]] for own in said])
    places[of < 0] = np.nan
    between = np.linalg.norm(places[:, None] - places[None], axis=-1).reshape(-1, of.shape[1])
    most = (of >= 0).sum(0) == (of >= 0).sum(0).max()
    widest = np.where(np.isnan(between), 0, between).max(0)
    return np.where(most, widest * person["matrix"][0][0], 0)


def _data(contents: Contents, people: People) -> dict[str, Any]:
    """What the inspector reads."""
    if not people.records or contents.student is None:
        return {}
    skeleton = load(Card.load(contents.models[contents.student] / CARD_FILE).skeleton)
    return {
        "models": [*contents.teachers, contents.student],
        "student": contents.student,
        "keypoints": skeleton.keypoints,
        "links": skeleton.links,
        "people": people.records,
        "start": _start(people.records),
    }
