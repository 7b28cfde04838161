"""A model's card: how to feed `model.onnx`, how to read its outputs and where it comes from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, TypeAdapter, ValidationError

from posecache import files
from posecache.contract import BETA, PADDING, SPLIT_RATIO
from posecache.models.settings import Channels, ColorOrder, Heatmap, Offset
from posecache.settings import explain

# A model is a folder with these files; the card is written last.
MODEL_FILE = "model.onnx"
WEIGHTS_FILE = "weights.pt"  # only where the individual weights are known
CARD_FILE = "card.json"

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Card:
    """The contract of one model.

    Values are checked by `save` and `load`, which raise ValueError naming the file and the key.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of model.onnx."""
    weights_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of weights.pt; None where there is none."""
    skeleton: Text
    """A name that `skeletons.load` knows; the outputs' keypoint axis has its order."""
    input_size: tuple[PositiveInt, PositiveInt]
    """(width, height) in px."""
    crop_size: tuple[PositiveInt, PositiveInt] | None = None
    """(width, height) in px of the crop that is stretched to `input_size`; None: `input_size`."""
    padding: PositiveFloat = PADDING
    """Ratio of a crop's sides to its box's sides."""
    color_order: ColorOrder = "rgb"
    """Order of the input's channels."""
    mean: Channels
    """What is subtracted from the 0-255 channels, in `color_order`."""
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    """What the channels are then divided by, in `color_order`."""
    label_offset: Offset = (0.0, 0.0)
    """(x, y) in image px by which its training labels lay too far to the right and down."""
    heatmap: Heatmap | None = None
    """How its output is read if it is a heat map a keypoint; None: its outputs are logits."""
    refined: bool = False
    """Whether its outputs `keypoints` and `scores`, not its logits' peaks, are its predictions."""
    split_ratio: PositiveFloat = SPLIT_RATIO
    """Bins per input px."""
    sigma: tuple[PositiveFloat, PositiveFloat] | None = None
    """Widths (x, y) in bins of the labels' Gaussians in training, where known."""
    beta: PositiveFloat = BETA
    """softmax(beta * logits) is the predicted distribution."""
    source: Text
    """Where the model comes from, in words."""
    license: str | None = None
    posecache: str | None = None
    """The version that wrote this card."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Whatever else its maker wants to keep, such as the recipe's digest and the seed."""

    def save(self, path: Path) -> None:
        """Write the card as JSON, whole or not at all; what `load` refuses is not written."""
        checked = _parse(vars(self), path)
        plain = {"refined"} if not self.refined else set()  # most cards do not name it
        files.write_json(path, TypeAdapter(Card).dump_python(checked, mode="json", exclude=plain))

    @staticmethod
    def load(path: Path) -> "Card":
        """Read and check a card."""
        return _parse(files.read_json(path), path)


def _parse(record: Any, path: Path) -> Card:
    try:
        card = TypeAdapter(Card).validate_python(record)
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error)}") from None
    if card.refined and card.heatmap is not None:
        raise ValueError(f"{path}: refined: belongs to a model of logits, and it has `heatmap`")
    return card
