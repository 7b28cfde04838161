"""The sections of a configuration: what `config.yaml` may say.

Each stage's settings are classes beside its code; here they are nested, with the names by which
sections refer to each other.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

from posecache import skeletons
from posecache.config.documents import ORIGINS
from posecache.datasets.demo.settings import ANNOTATIONS, DemoSet
from posecache.datasets.settings import AnnotationFiles
from posecache.logits import facts
from posecache.logits.facts import Facts
from posecache.logits.settings import BATCH, Caching, Views
from posecache.models.settings import Import
from posecache.runs import run_name, student_of
from posecache.samples.settings import Crops
from posecache.scores.settings import Measure
from posecache.settings import Folder, Name, Seed, Settings, distinct
from posecache.stores.manifest import MANIFEST
from posecache.tables.settings import OwnTable
from posecache.tables.specs import TABLES, cast
from posecache.tables.table import Table
from posecache.training.recipe import Distil, Frozen, Init, Recipe, merge
from posecache.training.room import Wanted

Names = Annotated[list[Name], AfterValidator(distinct)]
SomeNames = Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct)]


class Demo(Settings):
    """The rendered demo data, written in the real file formats under `folder`."""

    folder: Folder
    sets: dict[Name, DemoSet]

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

    crops: Crops | None = None

    @model_validator(mode="after")
    def _labelled_boxes(self) -> Self:
        if self.detected and self.labelled and self.crops is not None:
            raise ValueError("`crops` are for training, which needs `boxes: gt`, or `labels: none`")
        return self


class Train(Settings):
    """A model that is trained here: its sample sets and what differs from `training`."""

    samples: SomeNames
    training: dict[str, Any] = {}
    init: Init | None = None
    freeze: Annotated[list[Frozen], AfterValidator(distinct)] = []
    gpus: PositiveInt = 1  # processes that share the run; on cuda each has a GPU


class Student(Train):
    """A student; without `distil` it learns from labels only."""

    distil: Distil | None = None
    seeds: Seeds | None = None  # one training run each; None: the common `seeds`
    benchmarks: Names | None = None  # None: all that count any of its keypoints


class ImportedTeacher(Import):
    """A teacher that comes as a file."""

    weights: str
    crop: Literal["native", "stretch"] = "native"
    views: Views | None = None  # None: `logits.views`


class HomeTrainedTeacher(Settings):
    """A teacher that is trained here."""

    train: Train
    views: Views | None = None  # None: `logits.views`


class CachedTeacher(Settings):
    """A teacher that comes as a cache, made elsewhere: nothing of it is run here."""

    logits: str  # a logit store, or a folder with one for each sample set, by its name

    def store(self, samples: str) -> str:
        """The folder of its logits over a sample set."""
        return self.logits if Path(self.logits, MANIFEST).exists() else f"{self.logits}/{samples}"

    @cached_property
    def facts(self) -> Facts:
        """What its logits say of it; ValueError if there are none."""
        stores = sorted(Path(self.logits).glob(f"*/{MANIFEST}"))
        return facts.read(stores[0].parent if stores else Path(self.logits))


KINDS = dict(zip(ORIGINS, (ImportedTeacher, HomeTrainedTeacher, CachedTeacher), strict=True))


def _origin(entry: Any) -> str | None:
    """Where a teacher comes from, by the one key that says it; None if unclear."""
    if isinstance(entry, Settings):
        return next(f"<{key}>" for key, kind in KINDS.items() if isinstance(entry, kind))
    found = [key for key in ORIGINS if isinstance(entry, dict) and key in entry]
    return f"<{found[0]}>" if len(found) == 1 else None


Teacher = Annotated[
    Annotated[ImportedTeacher, Tag("<weights>")]
    | Annotated[HomeTrainedTeacher, Tag("<train>")]
    | Annotated[CachedTeacher, Tag("<logits>")],
    Discriminator(
        _origin,
        custom_error_type="origin",
        custom_error_message="expected one of `weights`, `train` and `logits`",
    ),
]


class Benchmark(Measure):
    """A metric over a sample set."""

    samples: Name


class Tables(Settings):
    """The tables beside the scores."""

    paper: dict[Name, dict[Name, Name]] = {}  # our model for each published part
    teachers: dict[Name, SomeNames] = {}  # their benchmarks, printed below Table 1
    own: dict[Name, OwnTable] = {}

    @property
    def parts(self) -> dict[str, str]:
        """Model names by published part, such as `tiny.unified` or `I.coco`."""
        return {f"{s}.{role}": m for s, roles in self.paper.items() for role, m in roles.items()}


class Logits(Caching):
    """How models are run and their logits stored."""

    batch: PositiveInt = BATCH
    jobs: PositiveInt = 1


class Speeds(Settings):
    """What a user knows of how fast models are; estimates go by it, and nothing else."""

    cache: dict[Name, PositiveFloat] = {}  # crops/s that a model is run over: two a flip test
    train: dict[Name, PositiveFloat] = {}  # samples/s of training


class Compute(Settings):
    """What a job may use."""

    device: Literal["cpu", "cuda"] = "cpu"
    compile: bool = False  # the networks that are trained, by PyTorch
    threads: PositiveInt = 1
    memory_mb: PositiveInt = 2000
    pictures: Wanted = "auto"
    max_minutes: PositiveInt = 1440  # that a job asks a cluster for, at most
    speeds: Speeds = Speeds()


class Config(Settings):
    """The whole of a configuration."""

    results: Folder = "results"
    cache: Folder | None = None  # None: `results`
    demo: Demo | None = None
    samples: dict[Name, Samples]
    training: dict[str, Any] = {}
    teachers: dict[Name, Teacher] = {}
    students: dict[Name, Student]
    seeds: Seeds | None = None  # of all students; None: the recipe's own
    benchmarks: dict[Name, Benchmark]
    tables: Tables = Tables()
    logits: Logits = Logits()
    compute: Compute = Compute()

    @property
    def rendered(self) -> dict[str, DemoSet]:
        """Each annotation file that is rendered and its set."""
        return {} if self.demo is None else self.demo.files

    @cached_property
    def runs(self) -> dict[str, Student]:
        """Every training run of a student, one a seed, by its model's name."""
        found = {}
        for name, student in self.students.items():
            default = Recipe.model_fields["seed"].default
            own = merge(self.training, student.training).get("seed", default)
            for seed in student.seeds or self.seeds or [own]:
                training = {**student.training, "seed": seed}
                run = student.model_copy(update={"training": training})
                found[run_name(name, seed, own)] = run
        return found

    def models_of(self, name: str) -> list[str]:
        """The models that a student's or a teacher's name stands for, a student's by its seeds."""
        if name in self.teachers:
            return [name]
        return [model for model in self.runs if student_of(model) == name]

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

    def teachers_of(self, model: str) -> list[str]:
        """The teachers that a model learns from."""
        distil = self.distil(model)
        return [] if distil is None else list(distil.teachers)

    def students_of(self, teacher: str) -> list[str]:
        """The students' runs that learn from a teacher."""
        return [name for name in self.runs if teacher in self.teachers_of(name)]

    def stores_of(self, teacher: str) -> list[str]:
        """The stores that a teacher which comes as a cache has to have."""
        sets = [
            name for student in self.students_of(teacher) for name in self.trained[student].samples
        ]
        return [self.cached[teacher].store(name) for name in dict.fromkeys(sets)]

    def init_model(self, model: str) -> str | None:
        """The model of this configuration whose weights a training run starts from, if any.

        Of a student with several seeds it is the run with the same seed, else the first one.
        """
        init = self.trained[model].init
        if init is None:
            return None
        seed, models = self.recipe(model).seed, self.models_of(init.weights)
        same = [m for m in models if m in self.runs and self.recipe(m).seed == seed]
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
        teacher that Table 1 lists."""
        if model not in self.runs:
            return self.tables.teachers.get(model, [])
        named = self.runs[model].benchmarks
        if named is not None:
            return named
        known = skeletons.load(self.skeleton(model))
        counted = {name: self.benchmark_skeleton(name) for name in self.benchmarks}
        return [name for name, part in counted.items() if skeletons.shared(part, known)]

    @property
    def filled_tables(self) -> dict[str, Table]:
        """Every table for which there are models and benchmarks."""
        published = {name: cast(name, self.tables.parts) for name in TABLES}
        own = {name: entry.table() for name, entry in self.tables.own.items()}
        return {
            name: table
            for name, table in (published | own).items()
            if table is not None and all(b in self.benchmarks for _, b in table.scores)
        }
