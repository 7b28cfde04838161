"""Small files of every format that a test spoils in one place."""

import copy
import json
from pathlib import Path
from typing import Any

from tiny_mpii import head_file, person

import tiny
from posecache import datasets, skeletons
from posecache.datasets.settings import AnnotationFiles

DEEP = "[" * 100_000
GONE = object()  # in place of a value: no such key


class Raw(str):
    """A value that no Python number stands for, as it is written in the file."""


def crowdpose_record() -> dict[str, Any]:
    """CrowdPose's form of the tiny COCO file."""
    record = tiny.coco_record()
    names = skeletons.load("crowdpose14").keypoints
    record["categories"][0]["keypoints"] = [*names[:12], "head", "neck"]
    for image in record["images"]:
        image["crowdIndex"] = 0.5
    for annotation in record["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][: 3 * 14]
    return record


def halpe_record() -> dict[str, Any]:
    """Halpe's form of the tiny COCO file."""
    record = tiny.coco_record()
    record["categories"][0]["keypoints"] = []
    for annotation in record["annotations"]:
        annotation["keypoints"] += [7.0, 8.0, 1.0] * (136 - 17)
    return record


def mpii_record() -> list[dict[str, Any]]:
    """The common MPII JSON of five people."""
    return [person(f"{number // 2}.jpg") for number in range(5)]


def detections_record() -> list[dict[str, Any]]:
    """A detector's results over the tiny COCO file."""
    return [
        {"image_id": image, "category_id": 1, "bbox": [1.0, 2.0, 20.0, 30.0], "score": 0.5}
        for image in (1, 1, 2)
    ]


RECORDS: dict[str, Any] = {
    "coco": tiny.coco_record(),
    "crowdpose": crowdpose_record(),
    "halpe": halpe_record(),
    "mpii": mpii_record(),
    "detections": detections_record(),
}
SKELETONS = {"coco": "coco17", "crowdpose": "crowdpose14", "halpe": "halpe26", "mpii": "mpii16"}


def changed(kind: str, place: str, value: object) -> Any:
    """A format's file with `value` at a place such as `annotations/3/bbox`; "" is the whole."""
    record = copy.deepcopy(RECORDS[kind])
    if not place:
        return value
    owner, keys = record, [int(k) if k.isdecimal() else k for k in place.split("/")]
    for key in keys[:-1]:
        owner = owner[key]
    if value is GONE:
        del owner[keys[-1]]
    else:
        owner[keys[-1]] = value
    return record


def text(record: object) -> str:
    """A record as JSON; a whole `Raw` is the file itself."""
    if isinstance(record, Raw):
        return str(record)
    marked = json.dumps(_marked(record))
    return marked.replace('"<raw>', "").replace('</raw>"', "")


def _marked(record: object) -> object:
    if isinstance(record, Raw):
        return f"<raw>{record}</raw>"
    if isinstance(record, dict):
        return {key: _marked(value) for key, value in record.items()}
    if isinstance(record, list):
        return [_marked(value) for value in record]
    return record


def read(folder: Path, kind: str, content: str, **options: Any) -> datasets.Annotations:
    """What a stage reads of a file with this content; detections are of the tiny COCO file."""
    path = folder / f"{kind}.json"
    path.write_text(content)
    if kind == "detections":
        options["boxes"], kind, path = str(path), "coco", folder / "people.json"
        path.write_text(text(RECORDS["coco"]))
    files = {"annotations": str(path), "images": str(folder), "skeleton": SKELETONS[kind]}
    return datasets.read(AnnotationFiles(**{"format": kind, **files, **options}).source())


def read_heads(folder: Path, **changes: Any) -> datasets.Annotations:
    """What a stage reads of the MPII JSON with changed head boxes."""
    heads = head_file(folder / "heads.mat", RECORDS["mpii"], **changes)
    return read(folder, "mpii", text(RECORDS["mpii"]), head_boxes=str(heads))
