"""What a user says about a model that was made elsewhere."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, model_validator

from posecache.contract import PADDING
from posecache.settings import Settings
from posecache.skeletons import SkeletonName

ColorOrder = Literal["rgb", "bgr"]
HeadName = Literal["simcc", "heatmap", "refined"]
Part = Literal["whole", "backbone"]  # of a network
Channels = tuple[float, float, float]
Offset = tuple[FiniteFloat, FiniteFloat]

CHECKPOINTS = (".pth", ".pt", ".ckpt")  # files of weights, in which case whatsoever; else ONNX


def is_checkpoint(file: str) -> bool:
    """Whether a file's name says that it holds PyTorch weights."""
    return file.lower().endswith(CHECKPOINTS)


class Heatmap(Settings):
    """How the heat maps of a model are read; the names in brackets are MMPose's."""

    udp: bool = Field(
        description="true: outer cells lie on the middles of the outer px, and a crop's box ends "
        "there (UDPHeatmap: ViTPose, Sapiens); false: cells lie a stride apart (MSRAHeatmap: HRNet)"
    )
    shift: bool = Field(
        False,
        description="the mirrored crop's maps are moved one cell to the right (shift_heatmap)",
    )
    softmax: PositiveFloat | None = Field(
        20.0,
        description="softmax(this * map) is the distribution; null: the map itself, over its sum",
    )


class Refine(Settings):
    """A graph convolution network that moves a coarse pose by what the picture shows there."""

    hidden: PositiveInt = Field(128, description="channels of each keypoint")
    features: PositiveInt = Field(64, description="channels that are sampled of a stage's features")
    stages: Annotated[list[Annotated[int, Field(ge=1, le=4)]], Field(min_length=1)] = Field(
        [4, 3, 2], description="the backbone's stages that it looks at, one a step"
    )
    weights: Annotated[list[PositiveFloat], Field(min_length=1)] = Field(
        [0.3, 0.5, 1.0], description="of the poses' losses, one a step"
    )

    @model_validator(mode="after")
    def _a_weight_a_step(self) -> Self:
        if len(self.weights) != len(self.stages):
            raise ValueError(f"{len(self.weights)} weights for {len(self.stages)} stages")
        return self


class Import(Settings):
    """How to feed an imported model and how to read it."""

    skeleton: SkeletonName = Field(description="of the keypoints that it predicts")
    input_size: tuple[PositiveInt, PositiveInt] = Field(description="[width, height] in px")
    head: HeadName = Field(
        "simcc",
        description="what it gives: logits over x and y; a heat map a keypoint; refined: such "
        "logits, and keypoints and scores of its own",
    )
    heatmap: Heatmap | None = Field(None, description="how the maps of `head: heatmap` are read")
    padding: PositiveFloat = Field(PADDING, description="a crop's sides over its box's sides")
    color_order: ColorOrder = Field("rgb", description="of its input: rgb or bgr")
    mean: Channels | None = Field(
        None, description="of the 0-255 channels, in color_order; null: ImageNet's"
    )
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = Field(
        None, description="likewise"
    )
    label_offset: Offset = Field(
        (0.0, 0.0), description="[x, y] in image px by which its labels lay too far right and down"
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8,64}$")] | None = Field(
        None, description="refuse another file; its first 8 digits or more"
    )
    license: str | None = Field(None, description="of the weights, kept on the card")

    @model_validator(mode="after")
    def _said_how(self) -> Self:
        if self.head == "heatmap" and self.heatmap is None:
            raise ValueError(
                "`head: heatmap` needs `heatmap: {udp: true}` (as ViTPose and Sapiens) or "
                "`heatmap: {udp: false, shift: true}` (as HRNet)"
            )
        if self.head != "heatmap" and self.heatmap is not None:
            raise ValueError("`heatmap` belongs to `head: heatmap`")
        return self
