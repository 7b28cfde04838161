"""What COCO's files say of a skeleton."""

from typing import Any

from posecache.datasets.coco_file import PERSON
from posecache.skeletons import Skeleton


def category(skeleton: Skeleton) -> dict[str, Any]:
    """People as COCO describes them; links are counted from 1."""
    return {
        "id": PERSON,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.links],
    }
