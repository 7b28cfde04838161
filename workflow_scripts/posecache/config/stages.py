"""What the rules pass to each stage script: only the settings that its output depends on."""

import glob
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from posecache import files, records
from posecache.config.options import as_yaml, to_options
from posecache.config.places import Places
from posecache.config.schema import Config
from posecache.config.things import Thing, Things
from posecache.datasets.demo.settings import DemoSet
from posecache.datasets.settings import AnnotationFiles
from posecache.labelling.settings import Annotating, Ranking
from posecache.models.settings import Import
from posecache.samples.settings import Expected
from posecache.scores.settings import Measure
from posecache.tables.specs import TABLES, admitted
from posecache.training.recipe import Validating

RULES = {
    "samples": "prepare_samples",
    "logits": "cache_logits",
    "score": "score",
    "table": "make_table",
    "annotations": "annotate",
    "active_learning": "rank_people",
    "report": "report_page",
}
PAGE = ("report", "index")  # the one report page: its kind and its name
BESIDE = {"table": (".md", ".png"), "active_learning": (".jpg",)}  # further files of an output
# How deep a thing's output lies below the folder that also has `benchmarks`.
DEPTH = {"samples": 2, "model": 2, "logits": 3, "score": 2, "table": 1,
         "annotations": 1, "active_learning": 1, "report": 1}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Job:
    """What makes a thing: the job's rule, the file that stands for the thing, and what it needs."""

    rule: str
    output: str
    thing: Thing
    upstream: tuple["Job", ...]
    beside: tuple["Job", ...] = ()

    @property
    def timed(self) -> list[Path]:
        """The files that stand by whose times Snakemake goes: outputs and benchmarks."""
        output = Path(self.output)
        beside = BESIDE.get(self.thing.kind, ())
        found = [output, *map(output.with_suffix, beside), *self.benchmarks]
        return [path for path in found if path.exists()]

    @property
    def benchmarks(self) -> list[Path]:
        """What Snakemake measured of the jobs that made the thing."""
        output, names = Path(self.output), "/".join(self.thing.names)
        folder = output.parents[DEPTH.get(self.thing.kind, 0)] / "benchmarks"
        return list(folder.glob(f"*/{glob.escape(names)}.tsv"))

    @property
    def reads(self) -> list[str]:
        """Every file on whose content the thing depends."""
        return [*self.thing.files, *(job.output for job in self.upstream)]

    @property
    def inputs(self) -> list[str]:
        """What must be there before the job: what it reads, and what has no say in the thing."""
        return [*self.reads, *self.thing.described, *(job.output for job in self.beside)]

    @cached_property
    def key(self) -> str:
        """A digest of all that the thing is made from, down to the files on disk.

        A part of it that is missing, perhaps to save space, does not count: its own key does.
        """
        given = [records.digest(Path(file), Path(self.output)) for file in self.thing.files]
        return files.fingerprint([self.thing.values, given, [job.key for job in self.upstream]])

    @property
    def record(self) -> list[str]:
        """The stage script's option `--record`."""
        return [self.output, self.key, *self.reads]

    @cached_property
    def is_current(self) -> bool:
        """Whether the thing that stands there was made from what it is to be made from."""
        return records.is_current(Path(self.output), self.key, list(map(Path, self.reads)))


@dataclass(frozen=True)
class Stages:
    """Options of the stage scripts, and the files that a stage reads."""

    places: Places
    _jobs: dict[str, Job] = field(default_factory=dict, repr=False, compare=False)

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.places.config

    @property
    def things(self) -> Things:
        """What each thing is made from."""
        return self.places.things

    def job(self, kind: str, *names: str) -> Job:
        """What makes a thing; KeyError if the configuration does not describe it."""
        return self._job(self.things.find(kind, *names))

    def _job(self, thing: Thing) -> Job:
        output = self.places.output(thing)
        if output not in self._jobs:
            upstream, beside = (tuple(map(self._job, t)) for t in (thing.parts, thing.beside))
            self._jobs[output] = Job(self._rule(thing), output, thing, upstream, beside)
        return self._jobs[output]

    def _rule(self, thing: Thing) -> str:
        """The rule that makes a thing."""
        if thing.kind == "demo":
            wanted = self.config.rendered[thing.names[0]]
            return f"make_demo_{wanted.dataset}-{wanted.split}"
        if thing.kind == "table" and thing.names[0] in self.config.swept:
            return "make_sweep"
        if thing.kind == "model":
            (name,) = thing.names
            imported = "import_model" if name in self.config.imported else "train_teacher"
            return "train_student" if name in self.config.runs else imported
        return RULES[thing.kind]

    def make_demo(self, wanted: DemoSet) -> list[str]:
        """Options of make_demo.py."""
        return to_options(wanted)

    def prepare_samples(self, name: str) -> list[str]:
        """Options of prepare_samples.py."""
        entry = self.config.samples[name]
        crops = [] if entry.crops is None else ["--crops", as_yaml(entry.crops.model_dump())]
        options = to_options(entry, AnnotationFiles) + crops + to_options(self.things.cut(name))
        return options + to_options(self.expected(name))

    def expected(self, samples: str) -> Expected:
        """What models and benchmarks need of a sample set."""
        config, rows = self.config, 0
        for model, train in config.trained.items():
            recipe = config.recipe(model)
            if train.samples == [samples] and recipe.drop_last:
                rows = max(rows, recipe.batch_size)
        heads = any(b.metric == "pckh" and b.samples == samples for b in config.benchmarks.values())
        return Expected(expect_rows=rows, expect_head_sizes=heads)

    def import_model(self, name: str) -> list[str]:
        """Options of import_model.py."""
        teacher, crop_size = self.config.imported[name], self.config.crop_size(name)
        crop = [] if crop_size is None else ["--crop-size", as_yaml(list(crop_size))]
        return ["--name", name, "--weights", teacher.weights, *to_options(teacher, Import), *crop]

    def train_student(self, name: str) -> list[str]:
        """Options of train_student.py."""
        train, stores = self.config.trained[name], self.training_logits(name)
        options = ["--name", name, "--samples", *map(self.places.samples, train.samples)]
        options += ["--logits", *(f"{t}={folder}" for t, folder in stores)] if stores else []
        init = train.init and train.init.model_copy(update={"weights": self.places.init(name)})
        options += to_options(self.config.learning(name).model_copy(update={"init": init}))
        return options + to_options(self.config.recipe(name)) + to_options(self.validating(name))

    def validating(self, name: str) -> Validating:
        """What a trained model is validated on."""
        benchmarks = {
            benchmark: {**entry.model_dump(), "samples": self.places.samples(entry.samples)}
            for benchmark, entry in self.things.validated_on(name).items()
        }
        flip = self.config.logits.flip if benchmarks else True
        return Validating.model_validate({"benchmarks": benchmarks, "flip": flip})

    def training_logits(self, name: str) -> list[tuple[str, str]]:
        """The teachers' names and the folders of the logit stores that a training run reads."""
        return [
            (teacher, self.places.logits(model, samples))
            for teacher, model in self.config.teaching(name).items()
            for samples in self.config.trained[name].samples
        ]

    def cache_logits(self, model: str, samples: str) -> list[str]:
        """Options of cache_logits.py."""
        folders = ["--model", self.places.model(model), "--samples", self.places.samples(samples)]
        return folders + to_options(self.things.caching(model, samples))

    def score(self, model: str, benchmark: str) -> list[str]:
        """Options of score.py."""
        entry = self.config.benchmarks[benchmark]
        folders = ["--logits", self.places.logits(model, entry.samples)]
        folders += ["--samples", self.places.samples(entry.samples)]
        return ["--benchmark", benchmark, *folders, *to_options(entry, Measure)]

    def make_table(self, name: str) -> list[str]:
        """Options of make_table.py."""
        tables = self.config.tables
        scores = [self.places.score(*score) for score in self.things.table_scores(name)]
        options = ["--table", name, "--scores", *scores]
        if name in self.config.own_tables:
            kind = "--own" if name in tables.own else "--sweep"
            own = self.config.own_tables[name]
            return [*options, kind, as_yaml(own.model_dump(mode="json"))]
        parts = {row.model for row in TABLES[name].rows}
        models = [f"{part}={model}" for part, model in tables.parts.items() if part in parts]
        listed = [
            f"{teacher}:{','.join(names)}" for teacher, names in self.things.listed(name).items()
        ]
        rivals = admitted(name, tables.rivals)
        rest = {"--models": models, "--rivals": rivals, "--teachers": listed}
        return options + [text for key, given in rest.items() if given for text in (key, *given)]

    def annotate(self, name: str) -> list[str]:
        """Options of annotate.py."""
        entry = self.config.annotations[name]
        return self._said(entry.samples, entry.by) + to_options(entry, Annotating)

    def rank_people(self, samples: str) -> list[str]:
        """Options of rank_people.py."""
        entry = self.config.active_learning[samples]
        return self._said(samples, entry.by) + to_options(entry, Ranking)

    def _said(self, samples: str, by: list[str]) -> list[str]:
        """A sample set, and models with their logits over it."""
        models = self.config.asked(by)
        folders = [self.places.logits(model, samples) for model in models]
        options = ["--samples", self.places.samples(samples), "--models", *models]
        return [*options, "--logits", *folders]

    @property
    def wanted(self) -> list[Job]:
        """What makes each student's runs, their scores and rivals', every table, what models say,
        and the report page."""
        config = self.config
        models = [self.job("model", run) for run in config.runs]
        scores = [self.job("score", *score) for score in self.things.own_scores]
        said = [self.job("annotations", name) for name in config.annotations]
        said += [self.job("active_learning", name) for name in config.active_learning]
        tables = [self.job("table", name) for name in self.things.tables]
        page = [self.job(*PAGE)] if models or tables else []
        return models + scores + tables + said + page

    @property
    def everything(self) -> list[str]:
        """What `snakemake` without a target makes."""
        return [job.output for job in self.wanted]
