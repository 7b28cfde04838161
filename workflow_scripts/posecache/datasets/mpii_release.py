"""MPII's official release, a .mat file of nested structures."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from posecache.datasets import mpii_people
from posecache.datasets.mpii_people import LARGEST, NUM_KEYPOINTS, People
from posecache.datasets.records import Annotations, Source


@dataclass(frozen=True, kw_only=True)
class Rect:
    """A person of the release: its structure and how errors name it."""

    image: int  # index among the kept images
    image_id: int  # 1-based, in the release
    number: int  # 1-based, among the kept images' people
    fields: Any
    place: str


@dataclass
class Columns:
    """The usable people while they are read."""

    rects: list[Rect] = field(default_factory=list)
    places: list[tuple[float, float, float]] = field(default_factory=list)  # centre and scale
    keypoints: list[np.ndarray] = field(default_factory=list)  # (K, 3)
    heads: list[list[float]] = field(default_factory=list)

    def people(self) -> People:
        """The people as arrays."""
        places = np.array(self.places, np.float64).reshape(-1, 3)
        keypoints = np.array(self.keypoints, np.float64).reshape(-1, NUM_KEYPOINTS, 3)
        return People(
            image=np.array([rect.image for rect in self.rects]),
            image_id=np.array([rect.image_id for rect in self.rects]),
            number=np.array([rect.number for rect in self.rects]),
            center=places[:, :2],
            scale=places[:, 2],
            keypoints=keypoints[:, :, :2],
            visibility=keypoints[:, :, 2],
            head=np.array(self.heads, np.float64).reshape(-1, 4),
        )


def read(source: Source) -> Annotations:
    """People of training images with points, position and scale."""
    dropped = {"without labelled keypoints": 0, "without place or scale": 0}
    names = _training_images(source)
    kept = [entry for entry in names if source.wanted is None or entry[1] in source.wanted]
    columns = Columns()
    for rect in _rects(source, kept):
        points = _points(rect)
        center, scale = _struct(rect.fields, "objpos"), _number(rect.fields, "scale")
        if not len(points):
            dropped["without labelled keypoints"] += 1
        elif center is None or scale is None:
            dropped["without place or scale"] += 1
        else:
            columns.rects.append(rect)
            columns.places.append((*_position(center, rect.place), _checked_scale(scale, rect)))
            columns.keypoints.append(_keypoints(points, rect.place))
            columns.heads.append(_head(rect))
    return mpii_people.build(source, [name for _, name, _ in kept], columns.people(), dropped)


def _training_images(source: Source) -> list[tuple[int, str, Any]]:
    """1-based number, name and entry of each labelled image."""
    path = source.annotations
    release = _release(path)
    entries, train = np.atleast_1d(release.annolist), np.atleast_1d(release.img_train)
    if len(entries) != len(train) or train.dtype.kind not in "biuf":
        raise ValueError(f"{path}: img_train: expected a number for each of {len(entries)} images")
    images = []
    for index in np.flatnonzero(train):
        name = getattr(_struct(entries[index], "image"), "name", None)
        if not isinstance(name, str) or not name:
            raise ValueError(f"{path}: image {index + 1} has no name")
        images.append((int(index) + 1, name, entries[index]))
    source.check_wanted(name for _, name, _ in images)
    return images


def _release(path: Path) -> Any:
    """The RELEASE structure."""
    content = mpii_people.load_mat(path, struct_as_record=False, squeeze_me=True)
    release = content.get("RELEASE")
    if not hasattr(release, "annolist") or not hasattr(release, "img_train"):
        raise ValueError(
            f"{path}: no MPII release, expected the structure RELEASE with annolist and img_train"
        )
    return release


def _rects(source: Source, images: list[tuple[int, str, Any]]) -> Iterator[Rect]:
    """The people of these images."""
    number = 0
    for index, (image_id, name, entry) in enumerate(images):
        for fields in np.atleast_1d(getattr(entry, "annorect", [])):
            number += 1
            yield Rect(
                image=index,
                image_id=image_id,
                number=number,
                fields=fields,
                place=f"{source.annotations}: image {image_id} ({name}), person {number}",
            )


def _struct(owner: Any, name: str) -> Any | None:
    """A field that is a structure, or None where it is absent or empty."""
    value = getattr(owner, name, None)
    return value if hasattr(value, "_fieldnames") else None


def _number(owner: Any, name: str) -> float | None:
    """A field that is one number, or None."""
    value = np.asarray(getattr(owner, name, []))
    return float(value.item()) if value.size == 1 and value.dtype.kind in "biuf" else None


def _points(rect: Rect) -> list[Any]:
    """A person's labelled points."""
    annopoints = _struct(rect.fields, "annopoints")
    return [] if annopoints is None else list(np.atleast_1d(getattr(annopoints, "point", [])))


def _position(owner: Any, place: str) -> tuple[float, float]:
    """The x and y of a structure, 1-based px."""
    x, y = _number(owner, "x"), _number(owner, "y")
    if x is None or y is None or not mpii_people.in_range(np.array([x, y])):
        raise ValueError(f"{place}: position ({x}, {y}), expected two numbers in px")
    return x, y


def _checked_scale(scale: float, rect: Rect) -> float:
    if not 0 < scale <= LARGEST:
        raise ValueError(f"{rect.place}: scale {scale}, expected more than 0, at most {LARGEST:g}")
    return scale


def _keypoints(points: list[Any], place: str) -> np.ndarray:
    """Position and visibility (K, 3) of a person's points; NaN and 0 where not labelled."""
    keypoints = np.full((NUM_KEYPOINTS, 3), [np.nan, np.nan, 0])
    for point in points:
        number = _number(point, "id")
        if number is None or number not in range(NUM_KEYPOINTS):
            found = getattr(point, "id", None)
            raise ValueError(f"{place}: point id {found}, expected 0 to {NUM_KEYPOINTS - 1}")
        # `is_visible` is absent, empty or a string in parts of the release.
        visible = str(getattr(point, "is_visible", "")).strip("[]'. ") in {"1", "1.0", "True"}
        keypoints[int(number)] = *_position(point, place), 2 if visible else 1
    return keypoints


def _head(rect: Rect) -> list[float]:
    """The head box's corners, NaN where the release has none."""
    found = [_number(rect.fields, name) for name in ("x1", "y1", "x2", "y2")]
    corners = [np.nan if corner is None else corner for corner in found]
    if not mpii_people.in_range(np.array([corner for corner in found if corner is not None])):
        raise ValueError(f"{rect.place}: head box {corners}, expected numbers in px")
    return corners
