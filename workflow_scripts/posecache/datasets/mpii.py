"""MPII Human Pose: the official release's .mat file.

Places are 1-based there and become 0-based here. Source of the box: MMPose
datasets/datasets/body/mpii_dataset.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posecache import skeletons
from posecache.datasets.records import Annotations, head_size

UNIT = 200.0  # `scale` is a person's height in units of 200 px
AREA = 0.53  # of the box, MMPose's estimate of a person's area


def read(path: Path, image_root: Path, skeleton: str, wanted: set[str] | None) -> Annotations:
    """People of training images with points, place and scale. The test split has no labels."""
    dropped = {"without labelled keypoints": 0, "without place or scale": 0}
    num_keypoints = skeletons.load(skeleton).num_keypoints
    names: list[str] = []
    rows: list[dict[str, Any]] = []
    number = 0
    for image_id, name, rects in _training_images(_release(path), wanted):
        names.append(name)
        for rect in rects:
            number += 1
            place = f"{path}: image {image_id} ({name}), person {number}"
            points = _points(rect, num_keypoints, place)
            center, scale = _struct(rect, "objpos"), _number(rect, "scale")
            if not len(points):
                dropped["without labelled keypoints"] += 1
            elif center is None or scale is None:
                dropped["without place or scale"] += 1
            else:
                row = _row(rect, points, num_keypoints, (center.x, center.y), scale, place)
                rows.append(
                    row | {"image": len(names) - 1, "image_id": image_id, "instance": number}
                )
    if not rows:
        raise ValueError(f"{path}: nobody with labels (MPII's test split has no labels)")
    return _annotations(path, image_root, skeleton, names, rows, dropped)


def _release(path: Path) -> Any:
    """The RELEASE structure."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        content = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)
    except Exception as error:  # scipy raises whatever a broken file makes it stumble over
        raise ValueError(f"{path}: not a whole MATLAB file ({error})") from None
    if "RELEASE" not in content or not hasattr(content["RELEASE"], "annolist"):
        raise ValueError(f"{path}: no MPII release, expected the structure RELEASE.annolist")
    return content["RELEASE"]


def _training_images(release: Any, wanted: set[str] | None) -> Iterator[tuple[int, str, list[Any]]]:
    """1-based number, name and person rectangles of each labelled image."""
    train = np.atleast_1d(release.img_train)
    for index, entry in enumerate(np.atleast_1d(release.annolist)):
        name = str(entry.image.name)
        if train[index] and (wanted is None or name in wanted):
            yield index + 1, name, list(np.atleast_1d(entry.annorect))


def _struct(owner: Any, field: str) -> Any | None:
    """A field that is a structure, or None where it is absent or empty."""
    value = getattr(owner, field, None)
    return value if hasattr(value, "_fieldnames") else None


def _number(owner: Any, field: str) -> float | None:
    """A field that is one number, or None."""
    value = np.asarray(getattr(owner, field, []), dtype=object)
    return float(value.item()) if value.size == 1 else None


def _points(rect: Any, num_keypoints: int, place: str) -> list[Any]:
    """A person's labelled points."""
    annopoints = _struct(rect, "annopoints")
    points = [] if annopoints is None else list(np.atleast_1d(annopoints.point))
    for point in points:
        if not 0 <= int(point.id) < num_keypoints:
            raise ValueError(f"{place}: point id {point.id}, expected 0 to {num_keypoints - 1}")
    return points


def _row(
    rect: Any,
    points: list[Any],
    num_keypoints: int,
    center: tuple[float, float],
    scale: float,
    place: str,
) -> dict[str, Any]:
    """Box xywh, keypoints, visibility and head box of one person, 0-based px."""
    if not scale > 0:
        raise ValueError(f"{place}: scale {scale}: the box has no area")
    side = scale * UNIT
    x, y = center[0] - 1, center[1] + 15 * scale - 1  # MMPose shifts the box down to the feet
    keypoints = np.full((num_keypoints, 2), np.nan, np.float32)
    visibility = np.zeros(num_keypoints, np.uint8)
    for point in points:
        keypoints[int(point.id)] = float(point.x) - 1, float(point.y) - 1
        # Absent, empty or a string in parts of the release.
        visible = str(getattr(point, "is_visible", "")).strip("[]'. ") in {"1", "1.0", "True"}
        visibility[int(point.id)] = 2 if visible else 1
    corners = [_number(rect, name) for name in ("x1", "y1", "x2", "y2")]
    known = [np.nan if corner is None else corner for corner in corners]
    head = [known[0], known[1], known[2] - known[0], known[3] - known[1]]
    box = [x - side / 2, y - side / 2, side, side]
    return {"box": box, "keypoints": keypoints, "visibility": visibility, "head": head}


def _annotations(
    path: Path,
    image_root: Path,
    skeleton: str,
    names: list[str],
    rows: list[dict[str, Any]],
    dropped: dict[str, int],
) -> Annotations:
    box = np.array([row["box"] for row in rows], np.float32)
    heads = np.array([row["head"] for row in rows], np.float32)
    return Annotations(
        skeleton=skeleton,
        source=path,
        image_root=image_root,
        image_paths=names,
        image_index=np.array([row["image"] for row in rows], np.int64),
        image_id=np.array([row["image_id"] for row in rows], np.int64),
        instance_id=np.array([row["instance"] for row in rows], np.int64),
        box=box,
        keypoints=np.stack([row["keypoints"] for row in rows]),
        visibility=np.stack([row["visibility"] for row in rows]),
        area=np.maximum(box[:, 2] * box[:, 3] * AREA, 1),
        head_size=head_size(heads).astype(np.float32),
        box_score=np.ones(len(rows), np.float32),
        dropped=dropped,
    )
