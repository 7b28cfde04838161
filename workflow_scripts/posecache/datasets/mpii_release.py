"""MPII's official release, a .mat file of nested structures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posecache import skeletons
from posecache.datasets import mpii_people
from posecache.datasets.mpii_people import People
from posecache.datasets.records import Annotations, Source


def read(source: Source) -> Annotations:
    """People of training images with points, position and scale."""
    path = source.annotations
    dropped = {"without labelled keypoints": 0, "without place or scale": 0}
    num_keypoints = skeletons.load(source.skeleton).num_keypoints
    people = People(
        image=[], image_id=[], number=[], center=[], scale=[], keypoints=[], visibility=[], head=[]
    )
    names: list[str] = []
    number = 0
    for image_id, name, rects in _training_images(_release(path), source.wanted):
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
                people.image.append(len(names) - 1)
                people.image_id.append(image_id)
                people.number.append(number)
                _append(people, rect, points, num_keypoints, center, scale, place)
    return mpii_people.build(source, names, people, dropped)


def _release(path: Path) -> Any:
    """The RELEASE structure."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        content = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)
    except Exception as error:  # a broken file can make scipy raise anything
        raise ValueError(f"{path}: not a whole MATLAB file ({error})") from None
    if "RELEASE" not in content or not hasattr(content["RELEASE"], "annolist"):
        raise ValueError(f"{path}: no MPII release, expected the structure RELEASE.annolist")
    return content["RELEASE"]


def _training_images(
    release: Any, wanted: frozenset[str] | None
) -> Iterator[tuple[int, str, list[Any]]]:
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


def _append(
    people: People,
    rect: Any,
    points: list[Any],
    num_keypoints: int,
    center: Any,
    scale: float,
    place: str,
) -> None:
    """Enter one person's position, keypoints and head box."""
    if not scale > 0:
        raise ValueError(f"{place}: scale {scale}: the box has no area")
    keypoints = np.full((num_keypoints, 2), np.nan)
    visibility = np.zeros(num_keypoints)
    for point in points:
        keypoints[int(point.id)] = float(point.x), float(point.y)
        # `is_visible` is absent, empty or a string in parts of the release.
        visible = str(getattr(point, "is_visible", "")).strip("[]'. ") in {"1", "1.0", "True"}
        visibility[int(point.id)] = 2 if visible else 1
    corners = [_number(rect, name) for name in ("x1", "y1", "x2", "y2")]
    people.center.append((center.x, center.y))
    people.scale.append(scale)
    people.keypoints.append(keypoints)
    people.visibility.append(visibility)
    people.head.append([np.nan if corner is None else corner for corner in corners])
