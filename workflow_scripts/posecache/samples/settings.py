"""What a training sample stores besides its labels, and how its crops are varied."""

from typing import Annotated, Any, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from posecache.settings import NonNegative, Settings, Share

CROPS_FORMAT = 2  # other crops of the same settings get another number


class Crops(Settings):
    """The enlarged crop of a training sample, from which every augmentation is cut: at the
    picture's own px where it fits into the size, else reduced, and without what lies outside."""

    size: PositiveInt = Field(704, description="px of its longest side")
    context: PositiveFloat = Field(
        2.0, description="the crop's side over the padded box's longer side"
    )
    quality: Annotated[int, Field(ge=1, le=100)] = Field(95, description="JPEG, 4:4:4")

    @property
    def identity(self) -> dict[str, Any]:
        """What crops of the same boxes depend on."""
        return {"format": CROPS_FORMAT, **self.model_dump()}


class Expected(Settings):
    """What is going to be done with a sample set, so that what it lacks is told at once."""

    expect_rows: Annotated[int, Field(ge=0)] = Field(
        0, description="persons of a whole batch of training: fewer are refused"
    )
    expect_head_sizes: bool = Field(
        False, description="refuse persons without a head size, which PCKh needs"
    )


class Augmentation(Settings):
    """How a training crop is varied. Source of names, ranges and chances: MMPose's transforms
    RandomFlip, RandomHalfBody and RandomBBoxTransform, MMDetection's YOLOXHSVRandomAug, and
    albumentations' Blur, MedianBlur and CoarseDropout, as RTMPose configures them.
    """

    flip_prob: Share = Field(0.5, description="chance of a mirrored crop")
    half_body_prob: Share = Field(
        0.3, description="chance of a half body, of people with enough labelled keypoints"
    )
    shift_factor: NonNegative = Field(0.16, description="farthest shift, over the padded box")
    shift_prob: Share = Field(0.3, description="chance of a shift")
    scale_factor: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.6, 1.4), description="[smallest, largest] factor of the box, always applied"
    )
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = Field(80.0, description="farthest turn")
    rotate_prob: Share = Field(0.6, description="chance of a turn")
    hsv_delta: tuple[NonNegative, NonNegative, NonNegative] = Field(
        (5, 30, 30), description="largest change of OpenCV's 8-bit hue, saturation and value"
    )
    blur_prob: Share = Field(0.1, description="chance of a box blur")
    median_blur_prob: Share = Field(0.1, description="chance of a median blur")
    dropout_prob: Share = Field(1.0, description="chance of one black rectangle")
    dropout_size: tuple[Share, Share] = Field(
        (0.2, 0.4), description="[smallest, largest] side of it over the crop's"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("scale_factor", "dropout_size"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} {(low, high)}: expected [smallest, largest]")
        return self
