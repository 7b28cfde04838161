"""The entries of `students` and `teachers`, and what models are asked about sample sets."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, PositiveInt, Tag

from posecache.config.documents import ORIGINS
from posecache.labelling.settings import Annotating, Ranking
from posecache.logits import facts
from posecache.logits.facts import Facts
from posecache.logits.settings import Views
from posecache.models.settings import Import, Refine
from posecache.settings import Name, Seed, Settings, distinct
from posecache.stores.manifest import MANIFEST
from posecache.training.recipe import Distil, Frozen, Init, Structure

Names = Annotated[list[Name], AfterValidator(distinct)]
SomeNames = Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct)]
OWN_VIEWS: Any = Field(None, description="instead of `logits.views`; null: those")


class Train(Settings):
    """A model that is trained here: its sample sets and what differs from `training`."""

    samples: SomeNames = Field(description="names of the sample sets to learn from")
    training: dict[str, Any] = Field({}, description="keys of the recipe that differ")
    init: Init | None = Field(None, description="first weights, or {weights, part}; null: random")
    freeze: Annotated[list[Frozen], AfterValidator(distinct)] = Field(
        [], description="parts that stay as they start: [backbone], [head], or both under `refine`"
    )
    structure: Structure | None = Field(
        None, description="the loss of bones: its weight, or {weight, pairs}; null: none"
    )
    gpus: PositiveInt = Field(1, description="processes that share the run; on cuda a GPU each")


class Student(Train):
    """A student; without `distil` it learns from labels only."""

    distil: Distil | None = Field(None, description="its teachers; null: from labels only")
    refine: Refine | None = Field(
        None, description="a refiner over the frozen model: {} or its settings; null: none"
    )
    seeds: Seeds | None = Field(None, description="a run each; null: the common `seeds`")
    benchmarks: Names | None = Field(None, description="null: all that count any of its keypoints")


class ImportedTeacher(Import):
    """A teacher that comes as a file."""

    weights: str = Field(description="an ONNX file, or an MMPose checkpoint of an RTMPose")
    crop: Literal["native", "stretch"] = Field(
        "native", description="stretch: its students' crop, stretched to its input"
    )
    views: Views | None = OWN_VIEWS


class HomeTrainedTeacher(Settings):
    """A teacher that is trained here."""

    train: Train = Field(description="how it is trained here")
    views: Views | None = OWN_VIEWS


class CachedTeacher(Settings):
    """A teacher that comes as a cache, made elsewhere: nothing of it is run here."""

    logits: str = Field(
        description="a logit store, or a folder with one for each sample set, by its name"
    )

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


class Annotation(Annotating):
    """A sample set's annotations, extended by what models say."""

    samples: Name = Field(description="the sample set")
    by: SomeNames = Field(description="students and teachers that are asked")


class ActiveLearning(Ranking):
    """A sample set's people, ranked by how much models and labels disagree."""

    by: SomeNames = Field(description="students and teachers that are asked")
