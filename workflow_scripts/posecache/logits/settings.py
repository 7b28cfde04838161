"""How a model is run over samples, and how its logits are kept."""

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, model_validator

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
MERGES: Names[Any] = Names(  # a merging.Merge each
    "merge",
    {
        "none": "posecache.logits.merging:NONE",
        "mean": "posecache.logits.merging:MEAN",
        "confident": "posecache.logits.merging:CONFIDENT",
    },
    attributes=("rule", "framings", "further", "constants"),
)
BATCH = 64  # crops per forward pass, unless told otherwise
GROUP = 16  # rows whose crops are cut together: enough that few pictures are decoded twice
# Looks that err in unlike ways, (factor of a padding, degrees): a little closer, a little wider,
# and turned both ways.
FRAMINGS = ((1 / 1.15, 0.0), (1.15, 0.0), (1.0, 15.0), (1.0, -15.0))


class Views(Settings):
    """Crops of each of the `paddings` turned by each of the `rotations`, then `augmented` crops
    that the augmentation draws once; all are stored, or one view that they are merged into."""

    paddings: tuple[PositiveFloat, ...] = Field(
        (), description="crop sides over box sides; none: the model's own"
    )
    rotations: tuple[float, ...] = Field((0.0,), description="degrees")
    augmented: NonNegativeInt = Field(0, description="crops that the augmentation draws once")
    augmentation: Augmentation = Field(Augmentation(), description="that draws them")
    seed: Seed = Field(0, description="of what it draws")
    merge: Annotated[str, AfterValidator(MERGES.checked)] = Field(
        "none", description=f"{', '.join(MERGES)}, or module:attribute of your own"
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.listed:
            raise ValueError("expected at least one rotation or augmented view")
        if self.merge == "mean" and self.listed == 1:
            raise ValueError("merge: mean needs several paddings, rotations or augmented views")
        if self.merge == "confident" and (
            self.paddings or self.augmented or self.rotations != (0,)
        ):
            raise ValueError(
                "merge: confident chooses its crops itself: expected nothing beside it"
            )
        return self

    @property
    def listed(self) -> int:
        """The number of crops that the settings list."""
        return max(len(self.paddings), 1) * len(self.rotations) + self.augmented

    @property
    def looks(self) -> int:
        """Crops of a person that go through the model, as far as the settings tell: a rule of your
        own may ask for more (merging.py)."""
        return len(FRAMINGS) if self.merge == "confident" else self.listed

    @property
    def count(self) -> int:
        """The number of views that are stored, V."""
        return self.listed if self.merge == "none" else 1


class Caching(Cut):
    """How logits are made and laid out."""

    flip: bool = Field(True, description="mean of the crop's and the mirrored crop's logits")
    encoding: Annotated[str, AfterValidator(ENCODINGS.checked)] = Field(
        "float16", description=f"{', '.join(ENCODINGS)}: docs/logit-cache.md says what each costs"
    )
    views: Views = Field(Views(), description="crops of each training sample that the model sees")
