"""CrowdPose JSON: COCO's format with 14 keypoints, a `crowdIndex` for each image, and no areas."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from msgspec import Meta, field

from posecache import decoding, skeletons
from posecache.datasets import coco
from posecache.datasets.coco_file import CocoFile
from posecache.datasets.records import BOX_SHARE, Annotations, Content, Format, Image, Source

# The release's own names of what the union calls head_top and upper_neck.
OWN_NAMES = {"head": "head_top", "neck": "upper_neck"}


class CrowdImage(Image, gc=False):
    """An image with the share of its people's keypoints that lie in others' boxes."""

    crowd_index: Annotated[float, Meta(ge=0, le=1)] = field(name="crowdIndex")


class CrowdFile(CocoFile):
    """A CrowdPose file."""

    images: Sequence[CrowdImage]


def read(source: Source) -> Annotations:
    """People with a box and a labelled keypoint."""
    return coco.build(source, load(source))


def load(source: Source) -> Content:
    """The file's content; a person's area is estimated from its box, as in CrowdPose's evaluation.

    Source: xtcocotools cocoeval.py, use_area=False.
    """
    file = decoding.read(source.annotations, CrowdFile)
    names = skeletons.load("crowdpose14").keypoints
    content = coco.named(source, file, names, OWN_NAMES)
    return replace(content, area=content.box[:, 2] * content.box[:, 3] * BOX_SHARE)


FORMAT = Format(read, load)
