"""The sections of a configuration: what `config.yaml` may say.

Each stage's settings are classes beside its code; here they are nested, with the names by which
sections refer to each other.
"""

from functools import cached_property
from typing import Any, Self

from pydantic import Field, PositiveInt, model_validator

from posecache import skeletons
from posecache.config.compute import Compute
from posecache.config.models import (
    ActiveLearning,
    Annotation,
    CachedTeacher,
    HomeTrainedTeacher,
    ImportedTeacher,
    Seeds,
    Student,
    Teacher,
    Train,
)
from posecache.config.sweeps import Sweep, Variant, entry_of, text, variants
from posecache.config.tables import Tables
from posecache.datasets.demo.settings import ANNOTATIONS, DemoSet
from posecache.datasets.settings import AnnotationFiles
from posecache.logits.settings import BATCH, Caching, Views
from posecache.models.settings import Refine
from posecache.runs import run_name, student_of
from posecache.samples.settings import Crops
from posecache.scores.settings import HEADLINES, Measure
from posecache.settings import Folder, ModelName, Name, Settings
from posecache.tables.settings import OwnTable
from posecache.tables.specs import TABLES, admitted, cast
from posecache.tables.sweeps import SweptTable
from posecache.tables.table import Table
from posecache.training.recipe import Distil, Learning, Recipe, merge

HEADINGS = {"oks": "AP", "pckh": "PCKh"}  # of the main numbers


class Demo(Settings):
    """The rendered demo data, written in the real file formats under `folder`."""

    folder: Folder = Field(description="where they are written")
    sets: dict[Name, DemoSet] = Field(description="by name; which pictures to render")

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        seen: dict[tuple[str, str], str] = {}
        for name, entry in self.sets.items():
            first = seen.setdefault((entry.dataset, entry.split), name)
            if first != name:
                raise ValueError(f"sets {first} and {name} would write the same files")
        return self

    @property
    def files(self) -> dict[str, DemoSet]:
        """Each rendered annotation file and its set."""
        return {
            f"{self.folder}/{s.dataset}/{ANNOTATIONS[s.dataset].format(split=s.split)}": s
            for s in self.sets.values()
        }


class Samples(AnnotationFiles):
    """A sample set; models can be trained from it if it has `crops`."""

    crops: Crops | None = Field(None, description="to train from; null: it is for evaluation")

    @model_validator(mode="after")
    def _labelled_boxes(self) -> Self:
        if self.detected and self.labelled and self.crops is not None:
            raise ValueError("`crops` are for training, which needs `boxes: gt`, or `labels: none`")
        return self


class Benchmark(Measure):
    """A metric over a sample set."""

    samples: Name = Field(description="name of the sample set")


class Report(Settings):
    """The page to look at, `report/index.html`."""

    student: ModelName | None = Field(
        None, description="whose people it shows; null: the first with teachers and most keypoints"
    )


class Logits(Caching):
    """How models are run and their logits stored."""

    batch: PositiveInt = Field(BATCH, description="crops per forward pass")
    jobs: PositiveInt = Field(1, description="jobs that share one model's run over one sample set")


class Config(Settings):
    """The whole of a configuration."""

    results: Folder = Field("results", description="folder of all that is made")
    cache: Folder | None = Field(None, description="of samples, teachers, logits; null: `results`")
    demo: Demo | None = Field(None, description="people to render; null: the data are on disk")
    samples: dict[Name, Samples] = Field(description="sample sets by name")
    training: dict[str, Any] = Field({}, description="the recipe of every model trained here")
    teachers: dict[Name, Teacher] = Field({}, description="teachers by name")
    students: dict[ModelName, Student] = Field(description="students by name")
    # Their students stand among `students` (sweeping.py).
    sweeps: dict[Name, Sweep] = Field({}, description="students of combinations of values, by name")
    seeds: Seeds | None = Field(None, description="a run each of each student; null: one run")
    benchmarks: dict[Name, Benchmark] = Field(description="benchmarks by name")
    tables: Tables = Field(Tables(), description="which models fill which tables")
    annotations: dict[Name, Annotation] = Field({}, description="extended by models, by name")
    active_learning: dict[Name, ActiveLearning] = Field(
        {}, description="people to look at, by sample set"
    )
    report: Report = Field(Report(), description="what the page to look at shows")
    logits: Logits = Field(Logits(), description="how models are run, and what is kept")
    compute: Compute = Field(Compute(), description="what one job may use")

    @property
    def rendered(self) -> dict[str, DemoSet]:
        """Each annotation file that is rendered and its set."""
        return {} if self.demo is None else self.demo.files

    @cached_property
    def runs(self) -> dict[str, Student]:
        """Every training run of a student, one a seed, by its model's name."""
        found = {}
        for name, student in self.students.items():
            own = self._own_seed(student)
            for seed in self.seeds_of(student):
                training = {**student.training, "seed": seed}
                run = student.model_copy(update={"training": training})
                found[run_name(name, seed, own)] = run
        return found

    def _own_seed(self, student: Student) -> int:
        default: int = Recipe.model_fields["seed"].default
        seed: int = merge(self.training, student.training).get("seed", default)
        return seed

    def seeds_of(self, student: Student) -> list[int]:
        """The seeds with which a student is trained."""
        return student.seeds or self.seeds or [self._own_seed(student)]

    def models_of(self, name: str) -> list[str]:
        """The models that a student's or a teacher's name stands for, a student's by its seeds."""
        if name in self.teachers:
            return [name]
        return [model for model in self.runs if student_of(model) == name]

    def asked(self, names: list[str]) -> list[str]:
        """One model for each name of a student or a teacher: a student's first run."""
        return [self.models_of(name)[0] for name in names]

    @property
    def trained(self) -> dict[str, Train]:
        """Every model that is trained here, students' runs and home-trained teachers."""
        entries = self.teachers.items()
        teachers = {n: t.train for n, t in entries if isinstance(t, HomeTrainedTeacher)}
        return teachers | dict(self.runs)

    @property
    def imported(self) -> dict[str, ImportedTeacher]:
        """Every teacher that comes as a file."""
        return {n: t for n, t in self.teachers.items() if isinstance(t, ImportedTeacher)}

    @property
    def cached(self) -> dict[str, CachedTeacher]:
        """Every teacher that comes as a cache."""
        return {n: t for n, t in self.teachers.items() if isinstance(t, CachedTeacher)}

    @property
    def models(self) -> list[str]:
        """Every model that is to be had, and not only its logits."""
        return [name for name in [*self.teachers, *self.runs] if name not in self.cached]

    def trained_key(self, model: str) -> str:
        """The key of a trained model's entry."""
        student = student_of(model)
        return f"students.{student}" if model in self.runs else f"teachers.{model}.train"

    def gpus(self, model: str) -> int:
        """The number of processes that share a trained model's run."""
        return self.trained[model].gpus

    def distil(self, model: str) -> Distil | None:
        """How a model learns from teachers; None if it does not."""
        return self.runs[model].distil if model in self.runs else None

    def refine(self, model: str) -> Refine | None:
        """The refiner that a model adds to the one that it starts from; None if it does not."""
        return self.runs[model].refine if model in self.runs else None

    def learning(self, model: str) -> Learning:
        """What a trained model learns from besides its labels."""
        train = self.trained[model]
        return Learning(
            distil=self.distil(model),
            init=train.init,
            freeze=train.freeze,
            refine=self.refine(model),
            structure=train.structure,
        )

    def teaching(self, model: str) -> dict[str, str]:
        """The model behind each name of those that a model learns from."""
        distil = self.distil(model)
        names = [] if distil is None else distil.teachers
        found = {name: self._beside(model, name) for name in names}
        return {name: teacher for name, teacher in found.items() if teacher is not None}

    def teachers_of(self, model: str) -> list[str]:
        """The models that a model learns from: teachers, and students' runs."""
        return list(self.teaching(model).values())

    def students_of(self, teacher: str) -> list[str]:
        """The students' runs that learn from a model."""
        return [name for name in self.runs if teacher in self.teachers_of(name)]

    def teaches(self, model: str) -> bool:
        """Whether a model is run over training sets as teachers are: one, or a student's run that
        teaches others."""
        return model not in self.runs or bool(self.students_of(model))

    def stores_of(self, teacher: str) -> list[str]:
        """The stores that a teacher which comes as a cache has to have."""
        sets = [
            name for student in self.students_of(teacher) for name in self.trained[student].samples
        ]
        sets += [entry.samples for entry in self.annotations.values() if teacher in entry.by]
        sets += [name for name, entry in self.active_learning.items() if teacher in entry.by]
        return [self.cached[teacher].store(name) for name in dict.fromkeys(sets)]

    def init_model(self, model: str) -> str | None:
        """The model of this configuration whose weights a training run starts from, if any."""
        init = self.trained[model].init
        return None if init is None else self._beside(model, init.weights)

    def _beside(self, model: str, name: str) -> str | None:
        """The model that a name means to a training run; None if the name is no model's.

        Of a student with several seeds it is the run with the same seed, else the first one.
        """
        models = self.models_of(name)
        runs = [found for found in models if found in self.runs]
        same = [run for run in runs if self.recipe(run).seed == self.recipe(model).seed]
        return next(iter(same or models), None)

    def views(self, model: str) -> Views:
        """The views of training samples for which a model is run."""
        teacher = self.teachers.get(model)
        own = teacher.views if isinstance(teacher, ImportedTeacher | HomeTrainedTeacher) else None
        return own or self.logits.views

    def view_count(self, model: str) -> int:
        """The number of views of each training sample in a model's logits."""
        cached = self.cached.get(model)
        return self.views(model).count if cached is None else cached.facts.views

    def recipe(self, model: str) -> Recipe:
        """The full recipe of a trained model: defaults, `training`, then its own `training`."""
        return Recipe.model_validate(merge(self.training, self.trained[model].training))

    def crop_size(self, teacher: str) -> tuple[int, int] | None:
        """The crop that is stretched to a teacher's input, as in the authors' code, if any: that of
        the students that learn from it, else that of the common recipe."""
        if self.imported[teacher].crop == "native":
            return None
        students = self.students_of(teacher)
        own = self.recipe(students[0]) if students else Recipe.model_validate(self.training)
        return own.input_size

    def input_size(self, model: str) -> tuple[int, int]:
        """Width and height (px) of a model's input."""
        if model in self.imported:
            return self.imported[model].input_size
        if model in self.cached:
            return self.cached[model].facts.input_size
        return self.recipe(model).input_size

    def refined(self, model: str) -> bool:
        """Whether a model gives keypoints of its own beside its logits."""
        if model in self.imported:
            return self.imported[model].head == "refined"
        return self.refine(model) is not None

    def skeleton(self, model: str) -> str:
        """The skeleton that a model predicts: an imported or cached model's own, else the union of
        its sample sets' and teachers' skeletons, in order."""
        if model in self.imported:
            return self.imported[model].skeleton
        if model in self.cached:
            return self.cached[model].facts.skeleton
        names = [self.samples[name].skeleton for name in self.trained[model].samples]
        names += [self.skeleton(teacher) for teacher in self.teachers_of(model)]
        return skeletons.union(names).name

    def unlabelled(self, model: str) -> list[str]:
        """The sample sets that a trained model learns from and that have no labels."""
        return [name for name in self.trained[model].samples if not self.samples[name].labelled]

    def benchmark_skeleton(self, benchmark: str) -> skeletons.Skeleton:
        """The keypoints that a benchmark counts."""
        entry = self.benchmarks[benchmark]
        own = skeletons.load(self.samples[entry.samples].skeleton)
        if entry.shared_with is None:
            return own
        return skeletons.part(own, skeletons.shared(own, skeletons.load(entry.shared_with)))

    def benchmarks_of(self, model: str) -> list[str]:
        """The benchmarks on which a trained model is scored by itself: a student's run, or a
        teacher that Table 1 lists or that is a rival."""
        if model not in self.runs:
            listed = self.tables.listed.values()
            return list(dict.fromkeys(name for names in listed for name in names.get(model, [])))
        named = self.runs[model].benchmarks
        if named is not None:
            return named
        known = skeletons.load(self.skeleton(model))
        counted = {name: self.benchmark_skeleton(name) for name in self.benchmarks}
        return [name for name, part in counted.items() if skeletons.shared(part, known)]

    def variants(self, sweep: Sweep) -> list[Variant]:
        """The combinations of a sweep's values."""
        return variants(sweep, entry_of(self.students[sweep.student], self.training))

    def columns(self, sweep: Sweep) -> dict[str, tuple[str, str]]:
        """The columns of a sweep's table."""
        if sweep.columns is not None:
            return sweep.columns
        names = self.benchmarks_of(self.models_of(sweep.student)[0])
        metrics = {name: self.benchmarks[name].metric for name in names}
        return {f"{n}: {HEADINGS[m]}": (n, HEADLINES[m]) for n, m in metrics.items()}

    @cached_property
    def swept(self) -> dict[str, SweptTable]:
        """The table of each sweep."""
        return {f"sweep_{name}": self._swept(sweep) for name, sweep in self.sweeps.items()}

    def _swept(self, sweep: Sweep) -> SweptTable:
        columns = self.columns(sweep)
        judges = [heading for heading, cell in columns.items() if cell == sweep.by]
        return SweptTable(
            title=sweep.title or f"{sweep.student} by {' and '.join(sweep.values)}",
            keys=list(sweep.values),
            rows={v.model: [text(value) for value in v.values] for v in self.variants(sweep)},
            columns=columns,
            by=[*judges, *columns][0],
        )

    @property
    def own_tables(self) -> dict[str, OwnTable | SweptTable]:
        """The user's own tables, and those of sweeps."""
        return {**self.tables.own, **self.swept}

    @property
    def filled_tables(self) -> dict[str, Table]:
        """Every table for which there are models and benchmarks."""
        rivals = {name: admitted(name, self.tables.rivals) for name in TABLES}
        published = {name: cast(name, self.tables.parts, rivals[name]) for name in TABLES}
        own = {name: entry.table() for name, entry in self.own_tables.items()}
        return {
            name: table
            for name, table in (published | own).items()
            if table is not None and all(b in self.benchmarks for _, b in table.scores)
        }
