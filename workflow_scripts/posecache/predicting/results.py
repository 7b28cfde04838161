"""What predictions are written as: COCO's results, a COCO file of the pictures, and drawn pictures.

Shapes: P people of one picture, K keypoints.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from posecache import files
from posecache.datasets.coco_file import PERSON
from posecache.datasets.coco_record import category
from posecache.datasets.detections import SUFFIXES
from posecache.predicting.running import Look
from posecache.report.drawing import draw
from posecache.scores.oks import person_score
from posecache.scores.predictions import Predictions
from posecache.skeletons import Skeleton

RESULTS, IMAGES, DRAWN = "predictions.json", "images.json", "pictures"


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that becomes `folder` at the end of the `with` block, and of which nothing is left
    after an exception; ValueError if `folder` exists."""
    if folder.exists():
        raise ValueError(f"{folder}: exists already; expected a folder that is to be made")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        partial = Path(beside, folder.name)
        partial.mkdir()
        yield partial
        os.rename(partial, folder)
    files.sync_folder(folder.parent)


def people(look: Look, found: Predictions, image_id: int) -> list[dict[str, Any]]:
    """A picture's people in COCO's result format; a keypoint's third number is its score."""
    triples = np.concatenate([found.keypoints, found.scores[..., None]], axis=-1)
    return [
        {
            "image_id": image_id,
            "category_id": PERSON,
            "keypoints": triples[row].ravel().tolist(),
            "score": person_score(float(look.boxes.scores[row]), found.scores[row]),
            "bbox": look.boxes.xywh[row].tolist(),
        }
        for row in range(look.boxes.count)
    ]


def image(look: Look, image_id: int) -> dict[str, Any]:
    """A picture as a COCO file lists it."""
    width, height = look.size
    return {"id": image_id, "file_name": look.picture.name, "width": width, "height": height}


def write_drawn(
    folder: Path, look: Look, found: Predictions, skeleton: Skeleton, min_score: float
) -> None:
    """The picture with its people's skeletons, under its own name; `.jpg` follows one that is not
    that of a picture."""
    assert look.image is not None
    drawn = draw(look.image, found.keypoints, found.scores > min_score, skeleton)
    known = Path(look.picture.name).suffix.lower() in SUFFIXES
    path = folder / DRAWN / (look.picture.name if known else f"{look.picture.name}.jpg")
    _, data = cv2.imencode(path.suffix, cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())


def write(
    folder: Path,
    images: Sequence[dict[str, Any]],
    results: Sequence[dict[str, Any]],
    skeleton: Skeleton,
    info: dict[str, Any],
) -> None:
    """Both JSON files: pycocotools loads the results on top of the pictures."""
    record = {
        "info": info,
        "images": list(images),
        "annotations": [],
        "categories": [category(skeleton)],
    }
    files.write_json(folder / IMAGES, record)
    lines = (json.dumps(person, allow_nan=False) for person in results)
    files.write_atomically(folder / RESULTS, "[" + ",\n".join(lines) + "]\n")
