"""COCO keypoint JSON.

Source of who counts: MMPose datasets/datasets/base/base_coco_style_dataset.py.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from posecache import files, skeletons
from posecache.datasets.records import Annotations, head_size

Record = dict[str, Any]


def read(path: Path, image_root: Path, skeleton: str, wanted: set[str] | None) -> Annotations:
    """People with a box and a labelled keypoint; crowds are left out."""
    images, annotations = load(path, wanted)
    return build(path, image_root, skeleton, images, annotations)


def load(path: Path, wanted: set[str] | None) -> tuple[dict[int, Record], list[Record]]:
    """Images by id, and the annotations of those that are `wanted`; the ids are checked."""
    record = files.read_json(path)
    if not isinstance(record, dict) or not {"images", "annotations"} <= record.keys():
        raise ValueError(f"{path}: no COCO file, expected the keys `images` and `annotations`")
    images = {image["id"]: image for image in record["images"]}
    ids = [annotation["id"] for annotation in record["annotations"]]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise ValueError(f"{path}: annotation id {twice} occurs twice")
    for annotation in record["annotations"]:
        if annotation["image_id"] not in images:
            raise ValueError(
                f"{path}: annotation {annotation['id']} is of image {annotation['image_id']}, "
                "which `images` does not list"
            )
    kept = {
        i: image for i, image in images.items() if wanted is None or image["file_name"] in wanted
    }
    return kept, [a for a in record["annotations"] if a["image_id"] in kept]


def build(
    path: Path,
    image_root: Path,
    skeleton: str,
    images: dict[int, Record],
    annotations: Iterable[Record],
    dropped: dict[str, int] | None = None,
) -> Annotations:
    """Arrays of the usable ones among `annotations`, by image in the file's order of images."""
    num_keypoints = skeletons.load(skeleton).num_keypoints
    dropped = {"crowd": 0, "without labelled keypoints": 0, "outside the image"
               : 0} | (dropped or {})  # fmt: skip
    index = {image_id: place for place, image_id in enumerate(images)}
    usable, boxes = [], []
    for annotation in sorted(annotations, key=lambda a: index[a["image_id"]]):
        _check(path, annotation, num_keypoints)
        reason, box = _judge(annotation, images[annotation["image_id"]])
        if reason:
            dropped[reason] += 1
        else:
            usable.append(annotation)
            boxes.append(box)
    if not usable:
        raise ValueError(f"{path}: nobody with a labelled keypoint in this file")
    triples = np.array([a["keypoints"] for a in usable], np.float32).reshape(-1, num_keypoints, 3)
    visibility = triples[:, :, 2].astype(np.uint8)
    keypoints = np.where(visibility[:, :, None] > 0, triples[:, :, :2], np.nan)
    heads = np.array([a.get("head_box", [np.nan] * 4) for a in usable], np.float32)
    return Annotations(
        skeleton=skeleton,
        source=path,
        image_root=image_root,
        image_paths=[image["file_name"] for image in images.values()],
        image_index=np.array([index[a["image_id"]] for a in usable], np.int64),
        image_id=np.array([a["image_id"] for a in usable], np.int64),
        instance_id=np.array([a["id"] for a in usable], np.int64),
        box=np.array(boxes, np.float32),
        keypoints=keypoints.astype(np.float32),
        visibility=visibility,
        area=np.array([a.get("area", b[2] * b[3]) for a, b in zip(usable, boxes, strict=True)],
                      np.float32),
        head_size=head_size(heads).astype(np.float32),
        box_score=np.ones(len(usable), np.float32),
        dropped=dropped,
    )  # fmt: skip


def _check(path: Path, annotation: Record, num_keypoints: int) -> None:
    """A person's box and keypoints must be of the right form, crowds apart."""
    if annotation.get("iscrowd"):
        return
    place = f"{path}: annotation {annotation['id']}"
    found = len(annotation.get("keypoints", []))
    if found != 3 * num_keypoints:
        raise ValueError(
            f"{place}: {found} numbers in `keypoints`, expected {num_keypoints} times 3"
        )
    box = annotation.get("bbox", [])
    if len(box) != 4 or not np.isfinite(box).all() or box[2] <= 0 or box[3] <= 0:
        raise ValueError(f"{place}: box {box} has no area, expected [x, y, width, height]")


def _judge(annotation: Record, image: Record) -> tuple[str | None, list[float]]:
    """Why a person is left out, if so, and its box clipped to the image."""
    if annotation.get("iscrowd"):
        return "crowd", []
    if not any(annotation["keypoints"][2::3]):
        return "without labelled keypoints", []
    x, y, width, height = annotation["bbox"]
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, image["width"]), min(y + height, image["height"])
    if right <= left or bottom <= top:
        return "outside the image", []
    return None, [left, top, right - left, bottom - top]
