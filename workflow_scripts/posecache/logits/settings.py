"""How a model is run over samples, and how its logits are kept."""

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field, NonNegativeInt, model_validator

from posecache.names import Names
from posecache.samples.settings import Augmentation
from posecache.settings import Seed, Settings
from posecache.stores.settings import Cut

if TYPE_CHECKING:
    from posecache.logits.encodings import Encoding

ENCODINGS: "Names[Encoding]" = Names(
    "encoding",
    {
        "float16": "posecache.logits.encodings:FLOAT16",
        "float32": "posecache.logits.encodings:FLOAT32",
        "int8": "posecache.logits.encodings:INT8",
        "compact": "posecache.logits.encodings:COMPACT",
    },
    attributes=("encode", "decode", "levels"),
)
KIND = "logits"  # of store
BATCH = 64  # crops per forward pass, unless told otherwise


class Views(Settings):
    """Crops turned by `rotations`, then `augmented` crops that the augmentation draws once."""

    rotations: tuple[float, ...] = (0.0,)  # degrees
    augmented: NonNegativeInt = 0
    augmentation: Augmentation = Augmentation()
    seed: Seed = 0

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.count:
            raise ValueError("expected at least one rotation or augmented view")
        return self

    @property
    def count(self) -> int:
        """The number of views, V."""
        return len(self.rotations) + self.augmented


class Caching(Cut):
    """How logits are made and laid out."""

    flip: bool = Field(True, description="mean of the crop's and the mirrored crop's logits")
    encoding: Annotated[str, AfterValidator(ENCODINGS.checked)] = Field(
        "float16", description=f"{', '.join(ENCODINGS)}: docs/logit-cache.md says what each costs"
    )
    views: Views = Field(Views(), description="crops of each training sample that the model sees")
