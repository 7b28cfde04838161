"""RTMPose's sizes."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PositiveFloat, Tag, TypeAdapter

from posecache.models.networks import Network, Size
from posecache.settings import Settings


class Variant(Settings):
    """Depth and width multipliers, and how many input px one step of the last features spans."""

    deepen: PositiveFloat
    widen: Annotated[float, Field(ge=1 / 32)]  # at least one channel in the stem
    stride: Literal[16, 32] = 32


VARIANTS = {
    "t": Variant(deepen=0.167, widen=0.375),
    "s": Variant(deepen=0.33, widen=0.5),
    "m": Variant(deepen=0.67, widen=0.75),
    "l": Variant(deepen=1.0, widen=1.0),
}
GIVEN: TypeAdapter[str | Variant] = TypeAdapter(
    Annotated[
        Annotated[Literal["t", "s", "m", "l"], Tag("<name>")] | Annotated[Variant, Tag("<sizes>")],
        Discriminator(lambda given: "<sizes>" if isinstance(given, dict | Variant) else "<name>"),
    ]
)


def named(variant: str | Variant) -> Variant:
    """The variant itself, or the published one of this name; ValueError lists the known ones."""
    if isinstance(variant, Variant):
        return variant
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant {variant!r}, expected one of {', '.join(VARIANTS)}")
    return VARIANTS[variant]


def check(given: Any, input_size: Size) -> Variant:
    """The variant that a recipe gives: t, s, m, l or {deepen, widen, stride}."""
    variant = named(GIVEN.validate_python(given))
    if any(side % variant.stride for side in input_size):
        raise ValueError(f"input_size {input_size}: expected multiples of {variant.stride}")
    return variant


RTMPOSE = Network(check=check, factory="posecache.models.networks.rtmpose:RTMPose")
HEATMAP = Network(check=check, factory="posecache.models.networks.heatmap:HeatmapPose")
