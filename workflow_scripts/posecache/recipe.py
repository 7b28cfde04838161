"""The training recipe: every setting of one training run, typed and closed.

Each field is also an option of `train_student.py`; its description is that option's help.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from posecache.validation import explain

Probability = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


NESTED = ("augmentation", "final_augmentation")


class ExplicitVariant(BaseModel):
    """A network's depth and width multipliers and its last stage's stride."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deepen: PositiveFloat
    widen: PositiveFloat
    stride: Literal[16, 32] = 32


class Augmentation(BaseModel):
    """How a training crop is varied. Source of names, ranges and chances: MMPose's transforms
    RandomFlip, RandomHalfBody and RandomBBoxTransform, MMDetection's YOLOXHSVRandomAug, and
    albumentations' Blur, MedianBlur and CoarseDropout, as RTMPose configures them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip_prob: Probability = 0.5
    half_body_prob: Probability = 0.3  # of people with enough labelled keypoints
    shift_factor: NonNegative = 0.16  # of the padded box's sides
    shift_prob: Probability = 0.3
    scale_factor: tuple[PositiveFloat, PositiveFloat] = (0.6, 1.4)  # of the box, always applied
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 80.0
    rotate_prob: Probability = 0.6
    hsv_delta: tuple[NonNegative, NonNegative, NonNegative] = (5, 30, 30)  # 8-bit HSV of OpenCV
    blur_prob: Probability = 0.1
    median_blur_prob: Probability = 0.1
    dropout_prob: Probability = 1.0  # one black rectangle
    dropout_size: tuple[Probability, Probability] = (0.2, 0.4)  # of the crop's sides

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("scale_factor", "dropout_size"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} {(low, high)}: expected [smallest, largest]")
        return self


# The second stage of RTMPose's pipeline.
MILDER = {
    "shift_factor": 0.0,
    "scale_factor": [0.75, 1.25],
    "rotate_degrees": 60.0,
    "dropout_prob": 0.5,
}


class Recipe(BaseModel):
    """RTMPose's own recipe unless told otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: Literal["t", "s", "m", "l"] | ExplicitVariant = Field(
        "t", description="t, s, m, l or {deepen, widen, stride}"
    )
    input_size: tuple[PositiveInt, PositiveInt] = Field(
        (192, 256), description="[width, height] of the network's input in px"
    )
    padding: PositiveFloat = Field(1.25, description="a crop's sides over its box's sides")
    epochs: PositiveInt = Field(420, description="passes over all samples")
    batch_size: PositiveInt = Field(256, description="samples a step")
    lr: PositiveFloat = Field(4e-3, description="AdamW's learning rate after the warm-up")
    weight_decay: NonNegative = Field(
        0.05, description="AdamW's weight decay; norms and biases have none"
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(1000, description="linear warm-up")
    final_lr_ratio: Probability = Field(
        0.05, description="the learning rate falls to this share over the second half"
    )
    clip: PositiveFloat | None = Field(None, description="largest gradient norm; null: no limit")
    ema: Probability | None = Field(
        None, description="weight of the newest weights in their average; null: no average"
    )
    loss: Literal["simcc_kl", "l2"] = Field("simcc_kl", description="conditional keypoint loss")
    sigma: tuple[PositiveFloat, PositiveFloat] | None = Field(
        None, description="labels' Gaussians in bins; null: sqrt(side / 8), RTMPose's rule"
    )
    geometry: Literal["transport", "replay"] = Field(
        "transport",
        description="transport: a new crop each epoch, teachers' logits carried into it; replay: "
        "the very crops that the teachers saw",
    )
    augmentation: Augmentation = Field(Augmentation(), description="of all but the last epochs")
    final_epochs: Annotated[int, Field(ge=0)] = Field(
        30, description="last epochs, which have the milder final augmentation"
    )
    final_augmentation: dict[str, Any] = Field(
        MILDER, description="keys of the augmentation that differ in the last epochs"
    )
    checkpoint_epochs: PositiveInt = Field(10, description="epochs between checkpoints")
    seed: int = Field(0, description="of the weights, the order and the augmentation")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        stride = 32 if isinstance(self.variant, str) else self.variant.stride
        if any(side % stride for side in self.input_size):
            raise ValueError(f"input_size {self.input_size}: expected multiples of {stride}")
        self.augmentation_at(self.epochs)
        return self

    def augmentation_at(self, epoch: int) -> Augmentation:
        """The augmentation of an epoch, counted from 0."""
        if epoch < self.epochs - self.final_epochs:
            return self.augmentation
        return Augmentation.model_validate(self.augmentation.model_dump() | self.final_augmentation)


def merge(*sections: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of a recipe on top of each other, keys of the augmentations one by one."""
    merged: dict[str, Any] = {}
    for section in sections:
        for key, value in section.items():
            inner = key in NESTED and isinstance(value, Mapping) and key in merged
            merged[key] = {**merged[key], **value} if inner else value
    return merged


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option a field of the recipe; values are YAML."""
    group = parser.add_argument_group("recipe (values are YAML)")
    for name, field in Recipe.model_fields.items():
        default = field.get_default()
        shown = default.model_dump() if isinstance(default, BaseModel) else default
        text = f"{field.description} (default: {shown})"
        group.add_argument(f"--{name.replace('_', '-')}", type=yaml.safe_load, help=text)


def from_options(arguments: argparse.Namespace) -> Recipe:
    """The recipe that the command line describes; ValueError names the option."""
    given = {name: getattr(arguments, name) for name in Recipe.model_fields}
    try:
        return Recipe.model_validate({name: v for name, v in given.items() if v is not None})
    except ValidationError as error:
        raise ValueError(explain(error, "recipe")) from None


def to_options(recipe: Recipe) -> Sequence[str]:
    """The command line that describes `recipe`; defaults are left out."""
    record = recipe.model_dump(mode="json", exclude_defaults=True)
    options = []
    for name, value in record.items():
        options += [f"--{name.replace('_', '-')}", yaml.safe_dump(value, default_flow_style=True)]
    return [option.removesuffix("\n").removesuffix("\n...") for option in options]
