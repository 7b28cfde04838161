"""Which pictures the demo renders."""

from typing import Literal

from pydantic import Field, PositiveInt

from posecache.settings import Name, Seed, Settings

# Where a dataset keeps its annotations, below its folder.
ANNOTATIONS = {
    "coco": "annotations/person_keypoints_{split}.json",
    "mpii": "annotations/mpii_{split}.mat",
    "halpe": "annotations/halpe_{split}.json",
}


class DemoSet(Settings):
    """One rendered split."""

    dataset: Literal["coco", "mpii", "halpe"] = Field(description="whose framing and file format")
    split: Name = Field(description="name of the folder of pictures")
    images: PositiveInt = Field(description="number of pictures")
    seed: Seed = Field(description="other people")
