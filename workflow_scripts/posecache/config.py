"""The typed, closed configuration: what `config.yaml` may say, checked before any job starts."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from posecache import config_checks, skeletons
from posecache.recipe import Recipe, merge
from posecache.validation import explain
from posecache.views import Views

# What a model was trained on; "short": the report's 50 epochs.
StudentRole = Literal[
    "mpii", "coco", "combined", "unified", "coco-short", "combined-short", "unified-short"
]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _known_skeleton(name: str) -> str:
    skeletons.load(name)
    return name


SkeletonName = Annotated[str, AfterValidator(_known_skeleton)]
# A name becomes a folder of results/ and a Snakemake wildcard.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Closed(BaseModel):
    """A section of the configuration: no unknown keys, no silent conversion, no change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DemoSet(Closed):
    """One rendered split: how many pictures, from which seed."""

    dataset: Literal["coco", "mpii", "halpe"]
    split: Name
    images: PositiveInt
    seed: int


class Demo(Closed):
    """The rendered demo data, written in the real file formats under `folder`."""

    folder: str
    sets: dict[Name, DemoSet]


class Crops(Closed):
    """Enlarged crops stored for training, big enough for every augmentation."""

    size: PositiveInt = 384
    context: PositiveFloat = 1.5
    quality: Annotated[int, Field(ge=1, le=100)] = 95


class Samples(Closed):
    """A sample set: an annotation file, its images and the skeleton it labels."""

    format: Literal["coco", "crowdpose", "halpe", "mpii"]
    annotations: str
    images: str
    skeleton: SkeletonName
    boxes: str = "gt"
    head_boxes: str | None = None
    images_list: str | None = None
    crops: Crops | None = None

    @model_validator(mode="after")
    def _fitting_files(self) -> Self:
        if self.format == "mpii" and self.boxes != "gt":
            raise ValueError("`boxes` other than gt need the format coco, crowdpose or halpe")
        if self.format != "mpii" and self.head_boxes is not None:
            raise ValueError("`head_boxes` belong to the format mpii")
        if self.boxes != "gt" and self.crops is not None:
            raise ValueError("`crops` are for training, which needs `boxes: gt`")
        return self


class Train(Closed):
    """A home-trained model: the sample sets it sees and what differs from `training`."""

    samples: Annotated[list[Name], Field(min_length=1)]
    training: dict[str, Any] = {}
    init: str | None = None  # a .pth file: the backbone to start from


class Teacher(Closed):
    """A teacher: an ONNX or MMPose file (`weights`) or one trained here (`train`)."""

    weights: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8,64}$")] | None = None
    skeleton: SkeletonName | None = None
    input_size: tuple[PositiveInt, PositiveInt] | None = None
    padding: PositiveFloat = 1.25
    color_order: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] | None = None
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    crop: Literal["native", "stretch"] = "native"
    license: str | None = None
    train: Train | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.weights is None) == (self.train is None):
            raise ValueError("expected either `weights` or `train`")
        if self.weights is not None and (self.skeleton is None or self.input_size is None):
            raise ValueError("`weights` also needs `skeleton` and `input_size`")
        imported = self.model_fields_set - {"train"}
        if self.train is not None and imported:
            raise ValueError(f"`train` excludes {', '.join(sorted(imported))}")
        return self


class Distil(Closed):
    """Eq. 8: alpha weighs the labels, teachers' beta weigh the cached teachers."""

    alpha: Fraction
    teachers: Annotated[dict[Name, Annotated[float, Field(ge=0)]], Field(min_length=1)]
    mode: Literal["equation-8", "authors-code"] = "equation-8"


class Student(Train):
    """A student; without `distil` it learns from labels alone."""

    distil: Distil | None = None


class Benchmark(Closed):
    """A metric over a sample set, on all its keypoints or on those that `shared_with` has."""

    samples: Name
    metric: Literal["oks", "pckh"]
    shared_with: SkeletonName | None = None
    rescore: bool = True
    nms: Fraction | None = 0.9


class Tables(Closed):
    """Which models fill the tables, and the teachers printed below Table 1."""

    students: dict[Literal["tiny", "small"], dict[StudentRole, Name]] = {}
    teacher_sets: dict[Literal["I", "II"], dict[Literal["coco", "mpii"], Name]] = {}
    teachers: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}

    @property
    def models(self) -> dict[str, str]:
        """Model names by part and role, as `tiny.unified` or `I.coco`."""
        return {
            f"{part}.{role}": name
            for section in (self.students, self.teacher_sets)
            for part, names in section.items()
            for role, name in names.items()
        }


class Logits(Closed):
    """How models are run and their logits stored."""

    batch: PositiveInt = 64
    flip: bool = True
    encoding: Literal["float16", "float32", "int8", "compact"] = "float16"
    chunk_rows: PositiveInt = 64
    shard_rows: PositiveInt = 1024
    jobs: PositiveInt = 1
    views: Views = Views()

    @model_validator(mode="after")
    def _whole_chunks(self) -> Self:
        if self.shard_rows % self.chunk_rows:
            raise ValueError(
                f"shard_rows {self.shard_rows} is not a multiple of chunk_rows {self.chunk_rows}"
            )
        return self


class Compute(Closed):
    """What a job may use."""

    device: Literal["cpu", "cuda"] = "cpu"
    threads: PositiveInt = 1
    memory_mb: PositiveInt = 2000


class Config(Closed):
    """The whole of `config.yaml`."""

    results: str = "results"
    demo: Demo | None = None
    samples: dict[Name, Samples]
    training: dict[str, Any] = {}
    teachers: dict[Name, Teacher] = {}
    students: dict[Name, Student]
    benchmarks: dict[Name, Benchmark]
    tables: Tables = Tables()
    logits: Logits = Logits()
    compute: Compute = Compute()

    def recipe(self, train: Train) -> Recipe:
        """The full recipe of a trained model: defaults, `training`, then its own `training`."""
        return Recipe.model_validate(merge(self.training, train.training))

    def crop_size(self, teacher: Teacher) -> tuple[int, int] | None:
        """The crop that is stretched to a teacher's input: the students', as the authors' code."""
        if teacher.crop == "native":
            return None
        return Recipe.model_validate(self.training).input_size

    def input_size(self, model: str) -> tuple[int, int]:
        """Width and height (px) of a model's input."""
        teacher = self.teachers.get(model)
        if teacher is not None and teacher.input_size is not None:
            return teacher.input_size
        return self.recipe(self.trained[model]).input_size

    @property
    def trained(self) -> dict[str, Train]:
        """Every model that is trained here, students and home-trained teachers."""
        teachers = {name: t.train for name, t in self.teachers.items() if t.train is not None}
        return teachers | dict(self.students)

    def skeleton(self, train: Train) -> str:
        """Name of the union of the skeletons of a model's sample sets and teachers, in order."""
        names = [self.samples[name].skeleton for name in train.samples]
        if isinstance(train, Student) and train.distil is not None:
            names += [self.teacher_skeleton(name) for name in train.distil.teachers]
        parts = dict.fromkeys(part for name in names for part in name.split("+"))
        return "+".join(parts)

    def teacher_skeleton(self, name: str) -> str:
        """Name of a teacher's skeleton."""
        teacher = self.teachers[name]
        if teacher.train is not None:
            return self.skeleton(teacher.train)
        assert teacher.skeleton is not None
        return teacher.skeleton


def load(path: Path, root: Path) -> Config:
    """Read and check a configuration file; ValueError in one line. `root`: see `extended`."""
    return parse(extended(_read(path), root), str(path))


def extended(record: Any, root: Path) -> Any:
    """The configuration on top of the one that its key `extends` names, a path below `root`."""
    if not isinstance(record, dict) or "extends" not in record:
        return record
    base = extended(_read(root / record["extends"]), root)
    return _on_top(base, {key: value for key, value in record.items() if key != "extends"})


def _on_top(base: Any, record: Any) -> Any:
    """`record` over `base`, sections merged key by key, as Snakemake merges configuration files."""
    if not (isinstance(base, dict) and isinstance(record, dict)):
        return record
    merged = {key: _on_top(base[key], value) if key in base else value
              for key, value in record.items()}  # fmt: skip
    return {**base, **merged}


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such configuration") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML ({' '.join(str(error).split())})") from None


def parse(record: object, source: str = "config") -> Config:
    """Check a configuration; ValueError names the key's path, its value and what was expected."""
    try:
        config = Config.model_validate(record)
    except ValidationError as error:
        raise ValueError(f"{source}: {explain(error)}") from None
    problem = next(config_checks.problems(config), None)
    if problem is not None:
        raise ValueError(f"{source}: {problem}")
    return config
