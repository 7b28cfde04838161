"""Which pictures the demo renders."""

from typing import Literal

from pydantic import Field, PositiveInt

from posecache.settings import Name, NonNegative, Seed, Settings

# Where a dataset keeps its annotations, below its folder.
ANNOTATIONS = {
    "coco": "annotations/person_keypoints_{split}.json",
    "mpii": "annotations/mpii_{split}.mat",
    "halpe": "annotations/halpe_{split}.json",
    "crowdpose": "annotations/crowdpose_{split}.json",
}
# How each dataset frames people; Halpe's pictures are COCO's.
FRAMED = {"coco": "coco", "mpii": "mpii", "halpe": "coco", "crowdpose": "crowd"}
# People a picture, on average, in each framing (pictures.py).
PEOPLE = {"coco": 2.0, "mpii": 1.55, "crowd": 3.75}


class DemoSet(Settings):
    """One rendered split."""

    dataset: Literal["coco", "mpii", "halpe", "crowdpose"] = Field(description="whose file format")
    split: Name = Field(description="name of the folder of pictures")
    images: PositiveInt = Field(description="number of pictures")
    seed: Seed = Field(description="other people")
    framing: Literal["coco", "mpii", "crowd"] | None = Field(
        None, description="how people are posed, taken and boxed; null: as in the dataset"
    )

    scatter: NonNegative = Field(
        0, description="how far labels scatter about their places; 1: as people's do (OKS sigmas)"
    )

    @property
    def framed(self) -> str:
        """The framing of the pictures and of their boxes."""
        return self.framing or FRAMED[self.dataset]
