"""Halpe full-body JSON: COCO's format with 136 keypoints, of which the first 26 are the body."""

from pathlib import Path

from posecache import skeletons
from posecache.datasets import coco
from posecache.datasets.records import Annotations

FULL_BODY = 136


def read(path: Path, image_root: Path, skeleton: str, wanted: set[str] | None) -> Annotations:
    """The body keypoints of each person; persons annotated twice are kept once.

    The file's `num_keypoints` is often wrong and is not read.
    """
    images, annotations = coco.load(path, wanted)
    body = 3 * skeletons.load("halpe26").num_keypoints
    bodies, seen, twice = [], set(), 0
    for annotation in annotations:
        found = len(annotation["keypoints"])
        if found != 3 * FULL_BODY:
            raise ValueError(
                f"{path}: annotation {annotation['id']}: {found} numbers in `keypoints`, "
                f"expected {FULL_BODY} times 3"
            )
        key = (annotation["image_id"], *annotation["keypoints"])
        if key in seen:
            twice += 1
            continue
        seen.add(key)
        bodies.append(annotation | {"keypoints": annotation["keypoints"][:body]})
    return coco.build(path, image_root, skeleton, images, bodies, {"annotated twice": twice})
