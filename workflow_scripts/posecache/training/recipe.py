"""The training recipe: every setting of one training run.

Each field is also an option of `train_student.py`; its description is that option's help.
"""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from posecache.contract import PADDING
from posecache.models.networks import NETWORKS
from posecache.models.settings import Part, Refine
from posecache.names import Names
from posecache.samples.settings import Augmentation
from posecache.scores.settings import Measure
from posecache.settings import Name, NonNegative, Seed, Settings, Share, distinct
from posecache.skeletons import Skeleton

# The losses that compare a student with labels; losses.LabelLoss says what one takes and gives.
LABEL_LOSSES: Names[Callable[..., Any]] = Names(
    "label loss",
    {
        "simcc_kl": "posecache.training.losses:label_kl",
        "l2": "posecache.training.losses:soft_argmax_l2",
    },
    attributes=("__call__",),
)
WINDOW_CHUNKS = 16  # pooled and shuffled together; a training run reads one window ahead
# Keys that change no weight of a run; `keep` chooses among those of its epochs.
UNVALUED = {"checkpoint_epochs", "checkpoint_minutes", "validate_epochs", "keep", "tensorboard"}
NESTED = ("augmentation", "final_augmentation")
Frozen = Literal["backbone", "head"]  # a part of a network
ITSELF = "itself"  # as a teacher's name: the finished head of the model that a run starts from
NOT_THE_AUTHORS = ("decay", "temperatures", "where", "confidence", ITSELF)  # keys of `distil`

# The second stage of RTMPose's pipeline.
MILDER = {
    "shift_factor": 0.0,
    "scale_factor": [0.75, 1.25],
    "rotate_degrees": 60.0,
    "dropout_prob": 0.5,
}


class Recipe(Settings):
    """RTMPose's own recipe unless told otherwise."""

    network: Annotated[str, AfterValidator(NETWORKS.checked)] = Field(
        "rtmpose", description=f"{', '.join(NETWORKS)}, or module:attribute of your own"
    )
    input_size: tuple[PositiveInt, PositiveInt] = Field(
        (192, 256), description="[width, height] of the network's input in px"
    )
    variant: Any = Field(
        "t",
        description="the network's size: t, s, m, l or {deepen, widen, stride} of rtmpose",
        validate_default=True,
    )
    padding: PositiveFloat = Field(PADDING, description="a crop's sides over its box's sides")
    epochs: PositiveInt = Field(420, description="passes over all samples")
    batch_size: PositiveInt = Field(256, description="samples a step")
    drop_last: bool = Field(
        True, description="leave out the samples that do not fill an epoch's last batch"
    )
    lr: PositiveFloat = Field(4e-3, description="AdamW's learning rate after the warm-up")
    weight_decay: NonNegative = Field(
        0.05, description="AdamW's weight decay; norm layers and biases have none"
    )
    warmup_steps: NonNegativeInt = Field(1000, description="linear warm-up")
    final_lr_ratio: Share = Field(
        0.05, description="the learning rate falls to this share over the second half"
    )
    clip: PositiveFloat | None = Field(None, description="largest gradient norm; null: no limit")
    ema: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="weight of the newest weights in their average; null: no average"
    )
    loss: Annotated[str, AfterValidator(LABEL_LOSSES.checked)] = Field(
        "simcc_kl",
        description=f"of the labels: {', '.join(LABEL_LOSSES)}, or module:attribute of your own",
    )
    sigma: tuple[PositiveFloat, PositiveFloat] | None = Field(
        None, description="labels' Gaussians in bins; null: sqrt(side / 8), RTMPose's rule"
    )
    geometry: Literal["transport", "replay"] = Field(
        "transport",
        description="transport: a new crop each epoch, teachers' logits carried into it; replay: "
        "the very crops that the teachers saw",
    )
    augmentation: Augmentation = Field(Augmentation(), description="of all but the last epochs")
    final_epochs: NonNegativeInt = Field(
        30, description="last epochs, which have the milder final augmentation"
    )
    final_augmentation: dict[str, Any] = Field(
        MILDER,
        description="keys of the augmentation that differ in the last epochs",
        validate_default=True,
    )
    checkpoint_epochs: PositiveInt = Field(10, description="epochs between checkpoints")
    checkpoint_minutes: PositiveFloat = Field(
        10, description="minutes between checkpoints, within epochs too"
    )
    validate_epochs: PositiveInt | None = Field(
        None, description="epochs between validations on the model's benchmarks; null: none"
    )
    keep: Literal["last", "best"] = Field(
        "last", description="best: the model is that of the epoch with the highest mean score"
    )
    tensorboard: bool = Field(
        False, description="write the history for TensorBoard too, which must be installed"
    )
    seed: Seed = Field(0, description="of the weights, the order and the augmentation")

    @field_validator("variant")
    @classmethod
    def _known_to_the_network(cls, variant: Any, info: ValidationInfo) -> Any:
        if {"network", "input_size"} <= info.data.keys():
            NETWORKS[info.data["network"]].check(variant, info.data["input_size"])
        return variant

    @field_validator("final_augmentation")
    @classmethod
    def _fits_the_augmentation(
        cls, changes: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        if "augmentation" in info.data:
            changed(info.data["augmentation"], changes)
        return changes

    @property
    def identity(self) -> dict[str, Any]:
        """What tells runs apart, down to their last weights."""
        return self.model_dump(mode="json", exclude=UNVALUED)

    def augmentation_at(self, epoch: int) -> Augmentation:
        """The augmentation of an epoch, counted from 0."""
        if epoch < self.epochs - self.final_epochs:
            return self.augmentation
        return changed(self.augmentation, self.final_augmentation)


def changed(augmentation: Augmentation, changes: Mapping[str, Any]) -> Augmentation:
    """An augmentation with some keys replaced."""
    return Augmentation.model_validate({**augmentation.model_dump(), **changes})


class Distil(Settings):
    """Alpha weighs the labels, each teacher's beta weighs its cached logits."""

    alpha: Share = Field(description="weight of the labels")
    teachers: dict[Name, NonNegative] = Field(
        {}, description="{teacher, or a student: its beta, ...}; none where only `itself` teaches"
    )
    mode: Literal["equation-8", "authors-code", "dwpose"] = Field(
        "equation-8",
        description="or authors-code: what the authors' public code minimises; dwpose: alpha * "
        "labels + sum of beta * teacher, reduced as there",
    )
    decay: Literal["none", "linear"] = Field(
        "none", description="linear: the teachers' weights fall by the factor 1 - epoch / epochs"
    )
    temperatures: dict[Name, PositiveFloat] = Field(
        {},
        description="{teacher: what its logits and the student's are divided by, ...}; others: 1",
    )
    where: Literal["everywhere", "unlabelled"] = Field(
        "everywhere",
        description="unlabelled: teachers speak only of keypoints without a label of the person's",
    )
    confidence: Literal["none", "peak"] = Field(
        "none", description="peak: a prediction weighs as much as the score that it decodes to"
    )
    itself: NonNegative = Field(
        0.0,
        description="beta of the finished head of the model in `init`, which teaches a fresh head "
        "over the same frozen backbone; 0: it does not",
    )

    @model_validator(mode="after")
    def _somebody_teaches(self) -> Self:
        if ITSELF in self.teachers:
            raise ValueError(f"`teachers` names {ITSELF!r}, which is a key beside it")
        if not self.betas:
            raise ValueError("`teachers` is missing, and `itself` is 0: nobody teaches")
        return self

    @field_validator("temperatures")
    @classmethod
    def _of_its_teachers(cls, given: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        """In the teachers' order, without those that change nothing."""
        teachers = info.data.get("teachers", given)
        for name in given:
            if name not in teachers:
                raise ValueError(f"unknown name {name!r}, expected one of {', '.join(teachers)}")
        return {name: given[name] for name in teachers if given.get(name, 1) != 1}

    @property
    def identity(self) -> dict[str, Any]:
        """What tells runs apart. A key of an ablation that is switched off is left out, so that a
        run of before there was such a key is still the same one."""
        return self.model_dump(mode="json", exclude=set(NOT_THE_AUTHORS) - set(self.ablated))

    @property
    def ablated(self) -> list[str]:
        """The keys of ablations that say something else than their defaults."""
        fields = type(self).model_fields
        return [key for key in NOT_THE_AUTHORS if getattr(self, key) != fields[key].default]

    @property
    def betas(self) -> dict[str, float]:
        """Each teacher's weight; the run's own finished head is one if it has any."""
        return self.teachers | ({ITSELF: self.itself} if self.itself else {})

    @property
    def teaches(self) -> bool:
        """Whether a teacher has any weight; the authors' code gives it some at each alpha."""
        return (self.alpha < 1 or self.mode != "equation-8") and any(self.betas.values())


class Init(Settings):
    """What a run starts from: a file's or another model's weights."""

    weights: str = Field(description="an MMPose .pth, a weights.pt, or a model's name")
    part: Part = Field("backbone", description="backbone, or whole: the head too")

    @model_validator(mode="before")
    @classmethod
    def _weights_alone(cls, given: Any) -> Any:
        return {"weights": given} if isinstance(given, str) else given


class Structure(Settings):
    """The loss of bones, pairs of keypoints, beside the other losses (structure.py)."""

    weight: PositiveFloat = Field(description="what it is multiplied by")
    pairs: Literal["links", "all"] = Field(
        "links", description="of keypoints: links of the student's skeleton, or all pairs"
    )

    @model_validator(mode="before")
    @classmethod
    def _weight_alone(cls, given: Any) -> Any:
        return {"weight": given} if isinstance(given, int | float) else given

    def joined(self, skeleton: Skeleton) -> list[tuple[int, int]]:
        """The pairs, the smaller index first, in order."""
        if self.pairs == "all":
            return list(combinations(range(skeleton.num_keypoints), 2))
        return sorted({(min(link), max(link)) for link in skeleton.links})

    def identity(self, skeleton: Skeleton) -> dict[str, Any]:
        """What tells runs apart: a link, elsewhere only drawn, has a say here."""
        return {"weight": self.weight, "pairs": self.joined(skeleton)}


class Learning(Settings):
    """What a student learns from besides its labels."""

    distil: Distil | None = Field(
        None, description="{alpha, teachers: {name: beta}, mode, ...}; null: only labels"
    )
    init: Init | None = Field(
        None, description="weights to start from: a file, or {weights, part}; null: random ones"
    )
    freeze: Annotated[list[Frozen], AfterValidator(distinct)] = Field(
        [], description="parts that stay as they start: [backbone], [head], or both under `refine`"
    )
    refine: Refine | None = Field(
        None, description="a refiner over the frozen model: {} or its settings; null: none"
    )
    structure: Structure | None = Field(
        None, description="the loss of bones: its weight, or {weight, pairs}; null: none"
    )


class Validated(Measure):
    """A benchmark of a model in training."""

    samples: str  # folder of a sample store


class Validating(Settings):
    """What a model in training is validated on."""

    benchmarks: dict[Name, Validated] = Field(
        {}, description="{name: {samples: FOLDER, metric: oks or pckh, ...}, ...}"
    )
    flip: bool = Field(
        True, description="validate the mean of the crop's and the mirrored crop's logits"
    )


def merge(*sections: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of a recipe, later ones on top; augmentations are merged key by key."""
    merged: dict[str, Any] = {}
    for section in sections:
        for key, value in section.items():
            inner = key in NESTED and isinstance(value, Mapping) and key in merged
            merged[key] = {**merged[key], **value} if inner else value
    return merged
