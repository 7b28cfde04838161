"""How annotations are extended, and how people are ranked."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from posecache.settings import Settings, Share


class Annotating(Settings):
    """Which predictions become annotations."""

    min_score: Share = Field(0.3, description="of a keypoint; with a lower one it stays unlabelled")
    agree: PositiveFloat = Field(
        1.0,
        description="how far from their mean several models may place a keypoint, in units of OKS: "
        "1 is where it has fallen to exp(-1/2)",
    )


class Ranking(Settings):
    """How those are shown whom models and labels disagree about."""

    sheet: Annotated[int, Field(ge=1, le=400)] = Field(
        48, description="how many people are on the contact sheet"
    )
