"""COCO keypoint JSON, and what the formats derived from it (CrowdPose, Halpe) share.

Source of the rules for who counts: MMPose datasets/datasets/base/base_coco_style_dataset.py.
"""

import json
from collections.abc import Iterable, Mapping

import numpy as np

from posecache import skeletons
from posecache.datasets.records import (
    BOX_SHARE,
    Annotations,
    Content,
    Format,
    Record,
    Source,
    head_size,
)

NEEDED = {"images": ("id", "file_name"), "annotations": ("id", "image_id")}


def read(source: Source) -> Annotations:
    """People with a box and a labelled keypoint; crowds are left out."""
    return build(source, load(source))


def load(source: Source) -> Content:
    """The wanted images and their annotations; ids and the number of keypoints are checked."""
    path = source.annotations
    record = _parse(source)
    for key, needed in NEEDED.items():
        _check_keys(source, key, record[key], needed)
    images = {image["id"]: image for image in record["images"]}
    seen: set[int] = set()
    for annotation in record["annotations"]:
        number = annotation["id"]
        if number in seen:
            raise ValueError(f"{path}: annotation id {number} occurs twice")
        seen.add(number)
        if annotation["image_id"] not in images:
            raise ValueError(
                f"{path}: annotation {number} is of image {annotation['image_id']}, "
                "which `images` does not list"
            )
    wanted = source.wanted
    kept = {i: m for i, m in images.items() if wanted is None or m["file_name"] in wanted}
    annotations = [a for a in record["annotations"] if a["image_id"] in kept]
    return Content(kept, annotations)


def _parse(source: Source) -> Record:
    """The file's content without outlines, which are most of it, and with keypoints as arrays."""
    path = source.annotations

    def slim(record: Record) -> Record:
        record.pop("segmentation", None)
        points = record.get("keypoints")
        if isinstance(points, list) and "image_id" in record:  # a category's keypoints are names
            record["keypoints"] = np.asarray(points, np.float64)
        return record

    try:
        record = json.loads(path.read_bytes(), object_hook=slim)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: not a whole JSON file of numbers ({error})") from None
    if not isinstance(record, dict) or not NEEDED.keys() <= record.keys():
        raise ValueError(f"{path}: no COCO file, expected the keys `images` and `annotations`")
    return record


def _check_keys(source: Source, key: str, records: Iterable[Record], needed: Iterable[str]) -> None:
    for number, record in enumerate(records):
        for name in needed:
            if name not in record:
                raise ValueError(f"{source.annotations}: {key}[{number}] has no {name!r}")


def reshape(source: Source, content: Content, num_keypoints: int) -> None:
    """Bring every annotation's keypoints to (K, 3); all zero where it has none."""
    for annotation in content.annotations:
        points = annotation.get("keypoints")
        if points is None or not len(points):
            annotation["keypoints"] = np.zeros((num_keypoints, 3))
        elif points.size == 3 * num_keypoints:
            annotation["keypoints"] = points.reshape(num_keypoints, 3)
        else:
            raise ValueError(
                f"{source.annotations}: annotation {annotation['id']}: {points.size} numbers in "
                f"`keypoints`, expected {num_keypoints} times 3"
            )


def build(source: Source, content: Content) -> Annotations:
    """Arrays of the usable people, by image in the file's order of images."""
    num_keypoints = skeletons.load(source.skeleton).num_keypoints
    reshape(source, content, num_keypoints)
    dropped = {"crowd": 0, "without labelled keypoints": 0, "outside the image": 0}
    index = {image_id: place for place, image_id in enumerate(content.images)}
    usable, boxes = [], []
    for annotation in sorted(content.annotations, key=lambda a: index[a["image_id"]]):
        reason, box = _judge(source, annotation, content.images[annotation["image_id"]])
        if reason:
            dropped[reason] += 1
        else:
            usable.append(annotation)
            boxes.append(box)
    if not usable:
        raise ValueError(f"{source.annotations}: nobody with a labelled keypoint in this file")
    return _arrays(source, content, usable, np.array(boxes, np.float32), index, dropped)


def _judge(source: Source, annotation: Record, image: Record) -> tuple[str | None, list[float]]:
    """Why a person is left out, or None, and its box clipped to the image."""
    if annotation.get("iscrowd"):
        return "crowd", []
    if not (annotation["keypoints"][:, 2] > 0).any():
        return "without labelled keypoints", []
    box = annotation.get("bbox", [])
    if len(box) != 4 or not np.isfinite(box).all() or box[2] <= 0 or box[3] <= 0:
        raise ValueError(
            f"{source.annotations}: annotation {annotation['id']}: box {box} has no area, "
            "expected [x, y, width, height]"
        )
    if "width" not in image or "height" not in image:
        raise ValueError(f"{source.annotations}: image {image['id']} has no width or height")
    x, y, width, height = box
    # MMPose clips to the last pixel's centre.
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, image["width"] - 1), min(y + height, image["height"] - 1)
    if right <= left or bottom <= top:
        return "outside the image", []
    return None, [left, top, right - left, bottom - top]


def _arrays(
    source: Source,
    content: Content,
    people: list[Record],
    boxes: np.ndarray,
    index: Mapping[int, int],
    dropped: dict[str, int],
) -> Annotations:
    triples = np.stack([a["keypoints"] for a in people])
    visibility = triples[:, :, 2].astype(np.uint8)
    keypoints = np.where(visibility[:, :, None] > 0, triples[:, :, :2], np.nan)
    heads = np.array([a.get("head_box", [np.nan] * 4) for a in people], np.float32)
    areas = boxes[:, 2] * boxes[:, 3] * BOX_SHARE
    return Annotations(
        source=source,
        image_paths=[image["file_name"] for image in content.images.values()],
        image_index=np.array([index[a["image_id"]] for a in people], np.int64),
        image_id=np.array([a["image_id"] for a in people], np.int64),
        instance_id=np.array([a["id"] for a in people], np.int64),
        box=boxes,
        keypoints=keypoints.astype(np.float32),
        visibility=visibility,
        area=np.array([a.get("area", b) for a, b in zip(people, areas, strict=True)], np.float32),
        head_size=head_size(heads).astype(np.float32),
        box_score=np.ones(len(people), np.float32),
        dropped=content.dropped | dropped,
        mended=content.mended,
    )


FORMAT = Format(read, load)
