"""Rendered people written in the real file formats of COCO, MPII, Halpe and CrowdPose."""

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posecache import files, skeletons
from posecache.datasets.crowdpose import OWN_NAMES
from posecache.datasets.demo.figure import HEAD_WIDTH, NAMES
from posecache.datasets.demo.pictures import Label, Picture, pictures
from posecache.datasets.demo.settings import ANNOTATIONS, DemoSet
from posecache.datasets.mpii_people import boxes

SCATTER = 1  # tells these random numbers from those of the pictures
HALPE_KEYPOINTS = 136  # body, face and hands; the demo labels the body


def write(folder: Path, wanted: DemoSet, threads: int = 1) -> Path:
    """Render a split: {folder}/{split}/*.jpg, then its annotation file, whose path is returned.

    The same arguments give the same bytes. Nothing of an interrupted call is left in place.
    """
    dataset, split = wanted.dataset, wanted.split
    partial = folder / f".{split}.{os.getpid()}.partial"
    partial.mkdir(parents=True)
    taken: list[Picture] = []
    try:
        for index, picture in enumerate(
            pictures(wanted.framed, wanted.images, wanted.seed, threads), start=1
        ):
            (partial / f"{index:012d}.jpg").write_bytes(picture.jpeg)
            taken.append(_scattered(picture, wanted, index) if wanted.scatter else picture)
        shutil.rmtree(folder / split, ignore_errors=True)
        partial.rename(folder / split)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    path = folder / ANNOTATIONS[dataset].format(split=split)
    writers: dict[str, Callable[[list[Picture], str], str | bytes]]
    writers = {"coco": _coco, "mpii": _mpii, "halpe": _halpe, "crowdpose": _crowdpose}
    files.write_atomically(path, writers[dataset](taken, wanted.framed))
    return path


def _scattered(picture: Picture, wanted: DemoSet, index: int) -> Picture:
    """A picture whose labels lie as far from their places as annotators' do.

    OKS' sigmas are that measurement: sigma^2 = E[d^2 / area] over 5,000 pictures that several
    annotators labelled, d in image px. Source: cocodataset.org/#keypoints-eval, section 1.2.
    """
    rng = np.random.default_rng([wanted.seed, index, SCATTER])
    both = skeletons.load("halpe26+mpii16")
    sigmas = np.array([both.sigmas[both.keypoints.index(name)] for name in NAMES])
    sides = wanted.scatter * sigmas[:, None] / np.sqrt(2)
    labels = []
    for label in picture.labels:
        offset = sides * np.sqrt(label.area) * rng.standard_normal(label.keypoints.shape)
        inside = np.clip(label.keypoints + offset, 0, np.array(picture.size) - 1)
        labels.append(replace(label, keypoints=inside))
    return replace(picture, labels=labels)


def _indices(skeleton: str) -> list[int]:
    return [NAMES.index(name) for name in skeletons.load(skeleton).keypoints]


def _coco(taken: list[Picture], framing: str) -> str:
    """COCO keypoint JSON."""
    skeleton = skeletons.load("coco17")
    annotations = [
        _annotation(label, "coco17", framing) | {"image_id": image_id}
        for image_id, label in _visible(taken)
    ]
    category = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.links],
    }
    return _text(_record(taken, annotations, category))


def _halpe(taken: list[Picture], framing: str) -> str:
    """Halpe full-body JSON: 136 keypoints, of which the first 26 are labelled."""
    padding = [0.0] * 3 * (HALPE_KEYPOINTS - 26)
    annotations = []
    for image_id, label in _visible(taken):
        annotation = _annotation(label, "halpe26", framing) | {"image_id": image_id}
        annotation["keypoints"] += padding
        annotations.append(annotation)
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": []}
    return _text(_record(taken, annotations, category | {"skeleton": []}))


def _crowdpose(taken: list[Picture], framing: str) -> str:
    """CrowdPose JSON: 14 keypoints, `crowdIndex` of each image, no areas and no outlines."""
    skeleton = skeletons.load("crowdpose14")
    own = {name: own for own, name in OWN_NAMES.items()}
    annotations = []
    for image_id, label in _visible(taken):
        annotation = _annotation(label, "crowdpose14", framing)
        kept = ("keypoints", "num_keypoints", "bbox", "iscrowd", "category_id")
        annotations.append({key: annotation[key] for key in kept} | {"image_id": image_id})
    category = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": [own.get(name, name) for name in skeleton.keypoints],
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.links],
    }
    record = _record(taken, annotations, category)
    for image in record["images"]:
        labelled = [a for a in annotations if a["image_id"] == image["id"] and a["num_keypoints"]]
        image["crowdIndex"] = _crowd_index(labelled)
    return _text(record)


def _crowd_index(people: list[dict[str, Any]]) -> float:
    """The mean over an image's people of others' keypoints in one's box over one's own; at most 1.

    Source: CrowdPose (arXiv:1812.00324), whose release has none above 1.
    """
    if not people:
        return 0.0
    triples = np.array([person["keypoints"] for person in people]).reshape(len(people), -1, 3)
    points, labelled = triples[..., :2], triples[..., 2] > 0
    boxes = np.array([person["bbox"] for person in people])[:, None, None]
    inside = (points >= boxes[..., :2]) & (points <= boxes[..., :2] + boxes[..., 2:])
    within = (inside.all(-1) & labelled).sum(-1)  # (people's boxes, people's keypoints)
    own = labelled.sum(-1)
    others = within.sum(1) - within.diagonal()
    return min(float(np.mean(others / own).round(4)), 1.0)


def _visible(taken: list[Picture]) -> list[tuple[int, Label]]:
    """(image id, label) of everybody with at least one visible pixel."""
    return [
        (image_id, label)
        for image_id, picture in enumerate(taken, start=1)
        for label in picture.labels
        if label.area
    ]


def _annotation(label: Label, skeleton: str, framing: str) -> dict[str, Any]:
    """The annotation of a person in the form that COCO and Halpe share.

    It also has `head_box`, which makes PCKh computable.
    """
    indices = _indices(skeleton)
    seen = label.visibility[indices]
    points = np.where(seen[:, None] > 0, label.keypoints[indices], 0).round(2)
    triples = [[x, y, int(v)] for (x, y), v in zip(points.tolist(), seen, strict=True)]
    return {
        "keypoints": [number for triple in triples for number in triple],
        "num_keypoints": int((seen > 0).sum()),
        "bbox": _box(label, framing),
        "head_box": list(label.head_box),
        "area": label.area,
        "iscrowd": 0,
        "category_id": 1,
        "segmentation": [],
    }


def _box(label: Label, framing: str) -> list[float]:
    """A person's box xywh: of its visible pixels in COCO, by its position and size in MPII; around
    all keypoints in the picture, hidden or not, in CrowdPose."""
    if framing == "coco":
        return list(label.box)
    if framing == "crowd":
        return _around(label)
    center = np.array([label.center]) + 1
    box: list[float] = boxes(center, np.array([label.scale]))[0].round(2).tolist()
    return box


def _around(label: Label) -> list[float]:
    """The box xywh around the keypoints that are labelled, and half a head's width more."""
    points = label.keypoints[label.visibility > 0]
    if not len(points):
        return list(label.box)
    reach = HEAD_WIDTH * label.height
    low, high = points.min(0) - reach, points.max(0) + reach
    box: list[float] = [*low.round(2).tolist(), *(high - low).round(2).tolist()]
    return box


def _record(
    taken: list[Picture], annotations: list[dict[str, Any]], category: dict[str, Any]
) -> dict[str, Any]:
    """A file in COCO's form."""
    images = [
        {"id": i, "file_name": f"{i:012d}.jpg", "width": p.size[0], "height": p.size[1]}
        for i, p in enumerate(taken, start=1)
    ]
    numbered = [a | {"id": number} for number, a in enumerate(annotations, start=1)]
    return {
        "info": {"description": "posecache demo"},
        "licenses": [],
        "images": images,
        "annotations": numbered,
        "categories": [category],
    }


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def _mpii(taken: list[Picture], _: str) -> bytes:
    """The structure of MPII's mpii_human_pose_v1_u12_1.mat; positions are 1-based."""
    annolist = [
        {
            "image": _structs([{"name": f"{i:012d}.jpg"}]),
            "annorect": _structs([_rect(label) for label in picture.labels if label.area]),
            "frame_sec": np.zeros((0, 0)),
            "vididx": np.zeros((0, 0)),
        }
        for i, picture in enumerate(taken, start=1)
    ]
    single = np.empty((len(taken), 1), dtype=object)
    for row, picture in enumerate(taken):
        single[row, 0] = np.arange(1.0, len(picture.labels) + 1)[:, None]
    release = {
        "annolist": _structs(annolist),
        "img_train": np.ones((1, len(taken))),
        "version": "posecache demo",
        "single_person": single,
        "act": _structs([{"act_name": "", "cat_name": "", "act_id": 0.0}]),
        "video_list": np.empty((1, 0), dtype=object),
    }
    buffer = io.BytesIO()
    # scipy writes to file objects too; its type stubs do not say so.
    scipy.io.savemat(buffer, {"RELEASE": release}, do_compression=True)  # type: ignore[arg-type]
    content = bytearray(buffer.getvalue())
    content[:116] = b"MATLAB 5.0 MAT-file, posecache demo".ljust(116)  # scipy writes the time there
    return bytes(content)


def _rect(label: Label) -> dict[str, Any]:
    """One annorect: head box, points with their ids, and the person's position and size."""
    x, y, width, height = label.head_box
    indices = _indices("mpii16")
    points = [
        {"x": float(px + 1), "y": float(py + 1), "id": float(point), "is_visible": float(v == 2)}
        for point, ((px, py), v) in enumerate(
            zip(label.keypoints[indices], label.visibility[indices], strict=True)
        )
        if v
    ]
    return {
        "x1": x + 1,
        "y1": y + 1,
        "x2": x + width + 1,
        "y2": y + height + 1,
        "annopoints": _structs([{"point": _structs(points)}]),
        "scale": label.scale,
        "objpos": _structs([{"x": label.center[0] + 1, "y": label.center[1] + 1}]),
    }


def _structs(records: list[dict[str, Any]]) -> np.ndarray:
    """A MATLAB struct array (1, n) from dicts with the same keys."""
    fields = list(records[0]) if records else []
    array = np.empty((1, len(records)), dtype=[(name, object) for name in fields] or object)
    for column, record in enumerate(records):
        array[0, column] = tuple(record[name] for name in fields)
    return array
