"""What the rules pass to each stage script: only the settings that its output depends on."""

from dataclasses import dataclass

from posecache.config.options import as_yaml, to_options
from posecache.config.places import Places
from posecache.config.schema import Config
from posecache.datasets.demo.settings import ANNOTATIONS, DemoSet
from posecache.datasets.settings import AnnotationFiles
from posecache.logits.settings import Caching, Views
from posecache.models.settings import Import
from posecache.scores.settings import Measure
from posecache.stores.settings import Cut
from posecache.tables.specs import TABLES
from posecache.tables.table import Table
from posecache.training.recipe import Learning

UPRIGHT = Views()


@dataclass(frozen=True)
class Stages:
    """Options of the stage scripts, and the files that a stage reads."""

    places: Places

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.places.config

    def demo_files(self) -> dict[str, DemoSet]:
        """Each rendered annotation file and its set."""
        demo = self.config.demo
        if demo is None:
            return {}
        return {
            f"{demo.folder}/{s.dataset}/{ANNOTATIONS[s.dataset].format(split=s.split)}": s
            for s in demo.sets.values()
        }

    def make_demo(self, wanted: DemoSet) -> list[str]:
        """Options of make_demo.py."""
        return to_options(wanted)

    def prepare_samples(self, name: str) -> list[str]:
        """Options of prepare_samples.py."""
        entry = self.config.samples[name]
        crops = [] if entry.crops is None else ["--crops", as_yaml(entry.crops.model_dump())]
        return to_options(entry, AnnotationFiles) + crops + to_options(self.config.logits, Cut)

    def import_model(self, name: str) -> list[str]:
        """Options of import_model.py."""
        teacher, crop_size = self.config.imported[name], self.config.crop_size(name)
        crop = [] if crop_size is None else ["--crop-size", as_yaml(list(crop_size))]
        return ["--name", name, "--weights", teacher.weights, *to_options(teacher, Import), *crop]

    def train_student(self, name: str) -> list[str]:
        """Options of train_student.py."""
        train, stores = self.config.trained[name], self.training_logits(name)
        options = ["--name", name, "--samples", *map(self.places.samples, train.samples)]
        options += ["--logits", *stores] if stores else []
        init = train.init and train.init.model_copy(update={"weights": self.places.init(name)})
        options += to_options(Learning(distil=self.config.distil(name), init=init))
        return options + to_options(self.config.recipe(name))

    def training_logits(self, name: str) -> list[str]:
        """The logit stores that a training run reads."""
        return [
            self.places.logits(teacher, samples)
            for teacher in self.config.teachers_of(name)
            for samples in self.config.trained[name].samples
        ]

    def cache_logits(self, model: str, samples: str) -> list[str]:
        """Options of cache_logits.py; sets that are not for training are seen upright only."""
        how: Caching = self.config.logits
        if self.config.samples[samples].crops is None:
            how = how.model_copy(update={"views": UPRIGHT})
        folders = ["--model", self.places.model(model), "--samples", self.places.samples(samples)]
        return folders + to_options(how, Caching)

    def score(self, model: str, benchmark: str) -> list[str]:
        """Options of score.py."""
        entry = self.config.benchmarks[benchmark]
        folders = ["--logits", self.benchmark_logits(model, benchmark)]
        folders += ["--samples", self.places.samples(entry.samples)]
        return ["--benchmark", benchmark, *folders, *to_options(entry, Measure)]

    def benchmark_logits(self, model: str, benchmark: str) -> str:
        """The logit store that a score is made from."""
        return self.places.logits(model, self.config.benchmarks[benchmark].samples)

    @property
    def tables(self) -> dict[str, Table]:
        """Every table that the configuration has models and benchmarks for."""
        return self.config.filled_tables

    def make_table(self, name: str) -> list[str]:
        """Options of make_table.py, except the scores."""
        tables, options = self.config.tables, ["--table", name]
        if name in tables.own:
            return [*options, "--own", as_yaml(tables.own[name].model_dump(mode="json"))]
        parts = {row.model for row in TABLES[name].rows}
        models = [f"{part}={model}" for part, model in tables.parts.items() if part in parts]
        options += ["--models", *models]
        listed = [f"{teacher}:{','.join(names)}" for teacher, names in self._listed(name).items()]
        return options + (["--teachers", *listed] if listed else [])

    def table_scores(self, name: str) -> list[str]:
        """The score files that a table is made from."""
        wanted = list(self.tables[name].scores)
        wanted += [(t, benchmark) for t, names in self._listed(name).items() for benchmark in names]
        return [self.places.score(model, benchmark) for model, benchmark in dict.fromkeys(wanted)]

    def published_files(self, name: str) -> list[str]:
        """The file of published numbers beside those of a user's own table, if there is one."""
        own = self.config.tables.own.get(name)
        return [] if own is None or own.published is None else [own.published]

    def _listed(self, table: str) -> dict[str, list[str]]:
        """The teachers that are listed below a table, with their benchmarks."""
        return self.config.tables.teachers if table == "table1" else {}

    @property
    def everything(self) -> list[str]:
        """What `snakemake` without a target makes: each student's scores, and every table."""
        config = self.config
        scores = [
            self.places.score(student, benchmark)
            for student in config.students
            for benchmark in config.benchmarks_of(student)
        ]
        models = [self.places.card(student) for student in config.students]
        return models + scores + [self.places.table(name) for name in self.tables]
