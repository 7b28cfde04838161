"""A model's card: how to feed `model.onnx`, how to read its outputs and where it comes from."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, TypeAdapter, ValidationError

from posecache import files
from posecache.validation import explain

# A model is a folder with these two files; the card is written last.
MODEL_FILE = "model.onnx"
CARD_FILE = "card.json"

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # RGB, 0-255: the normalisation of all RTMPose models
IMAGENET_STD = (58.395, 57.12, 57.375)

Channels = tuple[float, float, float]
ColorOrder = Literal["rgb", "bgr"]
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Card:
    """The contract of one model.

    Values are checked by `save` and `load`, which raise ValueError naming the file and the key.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of model.onnx."""
    skeleton: Text
    """The name that `skeletons.load` knows; its order is that of the outputs' keypoint axis."""
    input_size: tuple[PositiveInt, PositiveInt]
    """(width, height) in px."""
    crop_size: tuple[PositiveInt, PositiveInt] | None = None
    """(width, height) in px of the crop that is stretched to `input_size`; None: `input_size`."""
    padding: PositiveFloat = 1.25
    """A crop's sides over its box's sides."""
    color_order: ColorOrder = "rgb"
    """Of the input's channels."""
    mean: Channels
    """Subtracted from the 0-255 channels, in `color_order`."""
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    """Divides them then."""
    split_ratio: PositiveFloat = 2.0
    """Bins an input px."""
    sigma: tuple[PositiveFloat, PositiveFloat] | None = None
    """Widths (x, y) in bins of the labels' Gaussians in training, where known."""
    beta: PositiveFloat = 10.0
    """Logits times this, soft-maxed, are the predicted distribution."""
    source: Text
    """Where the model comes from, in words."""
    license: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """What else its maker wants to keep: recipe digest, seed."""

    def save(self, path: Path) -> None:
        """Write the card as JSON, whole or not at all; what `load` refuses is not written."""
        files.write_json(path, asdict(_parse(asdict(self), path)))

    @staticmethod
    def load(path: Path) -> "Card":
        """Read and check a card."""
        return _parse(files.read_json(path), path)


def _parse(record: Any, path: Path) -> Card:
    try:
        return TypeAdapter(Card).validate_python(record)
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error)}") from None
