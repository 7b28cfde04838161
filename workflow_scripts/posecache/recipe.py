"""The training recipe: every setting of one training run, typed and closed.

Each field is also an option of `train_student.py`; its description is that option's help.
"""

import argparse
from collections.abc import Sequence
from typing import Annotated, Literal, Self

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


class ExplicitVariant(BaseModel):
    """A network's depth and width multipliers and its last stage's stride."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deepen: PositiveFloat
    widen: PositiveFloat
    stride: Literal[16, 32] = 32


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
    weight_decay: Annotated[float, Field(ge=0)] = Field(
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
    flip_prob: Probability = Field(0.5, description="mirror")
    shift_factor: Annotated[float, Field(ge=0)] = Field(0.16, description="shift, of the sides")
    shift_prob: Probability = Field(0.3, description="shift")
    scale_factor: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.6, 1.4), description="[smallest, largest] zoom of the crop's box"
    )
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = Field(80.0, description="rotation")
    rotate_prob: Probability = Field(0.5, description="rotation")
    checkpoint_epochs: PositiveInt = Field(10, description="epochs between checkpoints")
    seed: int = Field(0, description="of the weights, the order and the augmentation")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.scale_factor[0] > self.scale_factor[1]:
            raise ValueError(f"scale_factor {self.scale_factor}: expected [smallest, largest]")
        stride = 32 if isinstance(self.variant, str) else self.variant.stride
        if any(side % stride for side in self.input_size):
            raise ValueError(f"input_size {self.input_size}: expected multiples of {stride}")
        return self


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option a field of the recipe; values are YAML."""
    group = parser.add_argument_group("recipe (values are YAML)")
    for name, field in Recipe.model_fields.items():
        text = f"{field.description} (default: {field.get_default()})"
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
