"""What each thing of an experiment is made from, wherever it lies.

Two experiments share a thing that is the same in both (places.py), and a thing is made again once
it is not the same any more (stages.py). What changes no value is no part of a thing: how often a
run is saved, how many jobs share it, what a skeleton is called.
"""

from dataclasses import dataclass, field
from typing import Any

from posecache import files, skeletons
from posecache.config.schema import Benchmark, Config
from posecache.config.showing import shown_sets, shown_student, shown_teachers
from posecache.datasets.records import GROUND_TRUTH
from posecache.labelling.settings import Annotating, Ranking
from posecache.logits.settings import Caching
from posecache.skeletons import files_of
from posecache.stores.manifest import MANIFEST
from posecache.stores.settings import Cut
from posecache.tables.specs import TABLES, admitted
from posecache.tables.table import Table


@dataclass(frozen=True)
class Thing:
    """A rendered annotation file, a sample set, a model, its logits, a score, a table, annotations
    that models extend, a ranking of people, or the report page."""

    kind: str
    names: tuple[str, ...]
    values: str  # the settings that its content depends on, as JSON
    files: tuple[str, ...] = ()  # that are on disk already
    parts: tuple["Thing", ...] = ()  # other things
    described: tuple[str, ...] = ()  # files whose content stands in `values`
    # Other things that its job reads, and that have no say in what it is.
    beside: tuple["Thing", ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Things:
    """The things that a configuration describes."""

    config: Config
    _known: dict[tuple[str, ...], Thing] = field(default_factory=dict, repr=False, compare=False)

    def find(self, kind: str, *names: str) -> Thing:
        """A thing by its kind and names; KeyError if the configuration does not describe it."""
        key = (kind, *names)
        if key not in self._known:
            self._known[key] = getattr(self, f"_{kind}")(*names)
        return self._known[key]

    def _demo(self, annotations: str) -> Thing:
        wanted = self.config.rendered[annotations]
        values = wanted.model_dump(mode="json") | {"framing": wanted.framed}
        return Thing("demo", (annotations,), files.as_json(values))

    def _samples(self, name: str) -> Thing:
        entry = self.config.samples[name]
        paths = [entry.boxes if entry.boxes != GROUND_TRUTH else None]
        paths += [entry.head_boxes, entry.images_list]
        rendered = entry.annotations in self.config.rendered
        values = {
            "files": [rendered, *(path is not None for path in paths)],
            "skeleton": skeletons.load(entry.skeleton).content,
            "cut": self.cut(name).model_dump(),
            # These places are noted in the store, for those who read it.
            "places": [entry.annotations, *files_of(entry.skeleton)],
            "crops": entry.crops and entry.crops.identity,
            **entry.model_dump(mode="json", include={"format", "images", "min_box_score"}),
        }
        annotations = [] if rendered else [entry.annotations]
        return Thing(
            "samples",
            (name,),
            files.as_json(values),
            files=(*annotations, *(path for path in paths if path is not None)),
            parts=(self.find("demo", entry.annotations),) if rendered else (),
            described=tuple(files_of(entry.skeleton)),
        )

    def cut(self, samples: str) -> Cut:
        """How a sample set and logits over it are cut into files: as the configuration says if they
        are for training."""
        if self.config.samples[samples].crops is None:
            return Cut()
        return Cut(**self.config.logits.model_dump(include=set(Cut.model_fields)))

    def caching(self, model: str, samples: str) -> Caching:
        """How a model is run over a sample set: as the configuration says if it is a teacher's run
        over one for training, otherwise upright, and kept exactly enough to be scored."""
        how = self.config.logits
        if self.config.samples[samples].crops is None or not self.config.teaches(model):
            return Caching(flip=how.flip)
        common = how.model_dump(include=set(Caching.model_fields))
        return Caching(**common | {"views": self.config.views(model)})

    def _model(self, name: str) -> Thing:
        return self._imported(name) if name in self.config.imported else self._trained(name)

    def _imported(self, name: str) -> Thing:
        teacher = self.config.imported[name]
        without = {"weights", "crop", "skeleton", "sha256", "license", "views"}
        values = {
            "skeleton": skeletons.load(teacher.skeleton).content,
            "places": files_of(teacher.skeleton),  # noted on the card
            "crop_size": self.config.crop_size(name),
            **teacher.model_dump(mode="json", exclude=without),
        }
        return Thing(
            "model",
            (name,),
            files.as_json(values),
            files=(teacher.weights,),
            described=tuple(files_of(teacher.skeleton)),
        )

    def _trained(self, name: str) -> Thing:
        train, distil = self.config.trained[name], self.config.distil(name)
        teachers, source = self.config.teachers_of(name), self.config.init_model(name)
        values: dict[str, Any] = {
            "recipe": self.config.recipe(name).identity,
            "distil": distil and distil.identity,
            "init": train.init and train.init.part,
        }
        if train.freeze:
            values["freeze"] = sorted(train.freeze)
        skeleton = skeletons.load(self.config.skeleton(name))
        if (refine := self.config.refine(name)) is not None:
            values["refine"] = refine.model_dump(mode="json") | {"links": skeleton.links}
        if train.structure is not None:
            values["structure"] = train.structure.identity(skeleton)
        linked = refine is not None or train.structure is not None  # else links are only drawn
        caches = {t: self.config.cached[t] for t in teachers if t in self.config.cached}
        if caches:  # their manifests name skeletons, whose content may be a file's
            known = [skeletons.load(cache.facts.skeleton) for cache in caches.values()]
            values["skeletons"] = [skeleton.content for skeleton in known]
        given = [f"{cache.store(s)}/{MANIFEST}" for cache in caches.values() for s in train.samples]
        given += [train.init.weights] if train.init is not None and source is None else []
        parts = [self.find("samples", s) for s in train.samples]
        parts += [
            self.find("logits", t, s) for t in teachers if t not in caches for s in train.samples
        ]
        parts += [self.find("model", source)] if source is not None else []
        watched = self._watched(name)
        if self.config.recipe(name).keep == "best":
            values["best"] = self._judged_by(name)
            parts, watched = list(dict.fromkeys([*parts, *watched])), []
        return Thing(
            "model",
            (name,),
            files.as_json(values),
            files=tuple(dict.fromkeys(given)),
            parts=tuple(parts),
            described=tuple(files_of(skeleton.name)) if linked else (),
            beside=tuple(watched),
        )

    def validated_on(self, model: str) -> dict[str, Benchmark]:
        """The benchmarks on which a model is validated while it is trained."""
        if self.config.recipe(model).validate_epochs is None:
            return {}
        return {name: self.config.benchmarks[name] for name in self.config.benchmarks_of(model)}

    def _watched(self, model: str) -> list[Thing]:
        """The sample sets of those benchmarks."""
        found = dict.fromkeys(entry.samples for entry in self.validated_on(model).values())
        return [self.find("samples", name) for name in found]

    def _judged_by(self, model: str) -> dict[str, Any]:
        """What tells which epoch of a run is best, besides the sample sets."""
        return {
            "every": self.config.recipe(model).validate_epochs,
            "flip": self.config.logits.flip,
            "benchmarks": {name: self._measure(model, name) for name in self.validated_on(model)},
        }

    def _logits(self, model: str, samples: str) -> Thing:
        values = self.caching(model, samples).model_dump(mode="json")
        parts = (self.find("model", model), self.find("samples", samples))
        return Thing("logits", (model, samples), files.as_json(values), parts=parts)

    def _score(self, model: str, benchmark: str) -> Thing:
        entry = self.config.benchmarks[benchmark]
        other, values = entry.shared_with, self._measure(model, benchmark)
        parts = (self.find("logits", model, entry.samples), self.find("samples", entry.samples))
        described = () if other is None else tuple(files_of(other))
        return Thing(
            "score", (model, benchmark), files.as_json(values), parts=parts, described=described
        )

    def _measure(self, model: str, benchmark: str) -> dict[str, Any]:
        """What a benchmark measures of a model."""
        entry, own = self.config.benchmarks[benchmark], skeletons.load(self.config.skeleton(model))
        derived = own.derived_among(self.config.benchmark_skeleton(benchmark))
        return {
            "shared_with": entry.shared_with and skeletons.load(entry.shared_with).keypoints,
            **entry.model_dump(mode="json", exclude={"samples", "shared_with"}),
            **({"derived": derived} if derived else {}),
        }

    def _table(self, name: str) -> Thing:
        tables, published = self.config.tables, None
        values: Any = {"parts": tables.parts, "teachers": self.listed(name)}
        if name in self.config.own_tables:
            own = self.config.own_tables[name]
            published = own.table().published
            values = own.model_dump(mode="json", exclude={"published"})
        else:
            playing = {row.model for row in TABLES[name].rows}
            values["parts"] = {p: m for p, m in tables.parts.items() if p in playing}
            rivals = admitted(name, tables.rivals)
            values |= {"rivals": rivals} if rivals else {}
        return Thing(
            "table",
            (name,),
            files.as_json(values),
            files=() if published is None else (str(published),),
            parts=tuple(self.find("score", *score) for score in self.table_scores(name)),
        )

    def _annotations(self, name: str) -> Thing:
        entry = self.config.annotations[name]
        values = entry.model_dump(mode="json", include=set(Annotating.model_fields))
        return self._said("annotations", name, entry.samples, entry.by, values)

    def _active_learning(self, samples: str) -> Thing:
        entry = self.config.active_learning[samples]
        values = entry.model_dump(mode="json", include=set(Ranking.model_fields))
        return self._said("active_learning", samples, samples, entry.by, values)

    def _said(
        self, kind: str, name: str, samples: str, by: list[str], values: dict[str, Any]
    ) -> Thing:
        """What is made from a sample set and from what models say about it."""
        models = self.config.asked(by)
        caches = [self.config.cached[model] for model in models if model in self.config.cached]
        known = [skeletons.load(cache.facts.skeleton).content for cache in caches]
        logits = [self.find("logits", m, samples) for m in models if m not in self.config.cached]
        return Thing(
            kind,
            (name,),
            files.as_json({"by": models, "skeletons": known, **values}),
            files=tuple(f"{cache.store(samples)}/{MANIFEST}" for cache in caches),
            parts=(self.find("samples", samples), *logits),
        )

    def _report(self, name: str) -> Thing:
        """The page; its facts of training sets and of teachers' logits are of those that stand."""
        config, student = self.config, shown_student(self.config)
        models = [*config.runs, *(m for m, _ in self.scores), *shown_teachers(config)]
        stores = shown_sets(config)
        parts = [self.find("table", table) for table in self.tables]
        parts += [self.find("score", *score) for score in self.scores]
        parts += [self.find("model", m) for m in dict.fromkeys(models) if m not in config.cached]
        parts += [self.find("samples", samples) for samples in stores]
        parts += [self.find("logits", student, samples) for samples in stores if student]
        return Thing("report", (name,), files.as_json({"student": student}), parts=tuple(parts))

    @property
    def scores(self) -> list[tuple[str, str]]:
        """(model, benchmark) of every score that the configuration asks for."""
        listed = [score for table in self.tables for score in self.table_scores(table)]
        return list(dict.fromkeys([*self.own_scores, *listed]))

    @property
    def own_scores(self) -> list[tuple[str, str]]:
        """Those that are asked for whatever tables there are, of students' runs and of rivals."""
        runs = {run: self.config.benchmarks_of(run) for run in self.config.runs}
        scored = runs | self.config.tables.rivals
        return [(model, name) for model, names in scored.items() for name in names]

    @property
    def tables(self) -> dict[str, Table]:
        """Every table that the configuration has models and benchmarks for."""
        return self.config.filled_tables

    def listed(self, table: str) -> dict[str, list[str]]:
        """The teachers that are listed below a table, with their benchmarks."""
        return self.config.tables.teachers if table == "table1" else {}

    def table_scores(self, name: str) -> list[tuple[str, str]]:
        """(model, benchmark) of every score that a table is made from."""
        listed = [(t, benchmark) for t, names in self.listed(name).items() for benchmark in names]
        wanted = dict.fromkeys([*self.tables[name].scores, *listed])
        return [(model, b) for entry, b in wanted for model in self.config.models_of(entry)]
