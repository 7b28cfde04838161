"""CrowdPose JSON: COCO's format with 14 keypoints, a `crowdIndex` for each image, and no areas."""

from posecache.datasets import coco
from posecache.datasets.records import BOX_SHARE, Annotations, Content, Format, Source


def read(source: Source) -> Annotations:
    """People with a box and a labelled keypoint."""
    return coco.build(source, load(source))


def load(source: Source) -> Content:
    """The file's content; a person's area is estimated from its box, as in CrowdPose's evaluation.

    Source: xtcocotools cocoeval.py, use_area=False.
    """
    content = coco.load(source)
    for image in content.images.values():
        if "crowdIndex" not in image:
            raise ValueError(f"{source.annotations}: image {image['id']} has no 'crowdIndex'")
    for annotation in content.annotations:
        box = annotation.get("bbox", [0, 0, 0, 0])
        annotation["area"] = box[2] * box[3] * BOX_SHARE
    return content


FORMAT = Format(read, load)
