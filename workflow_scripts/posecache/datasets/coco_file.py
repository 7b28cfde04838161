"""What a COCO keypoint file holds, and its people as columns.

CrowdPose and Halpe are read here too: their files differ in a few keys.
"""

from array import array
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import numpy as np
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from posecache import decoding
from posecache.datasets.records import Area, Box, Content, Id, Image, Px, Source

PERSON = 1  # COCO's category
LEFT_OUT = -1
KEY = "annotations"
NONE = (np.nan,) * 4


class Category(Struct, gc=False):
    """What an annotation may be of; `keypoints` are names in the annotations' order."""

    id: Id
    name: str = ""
    keypoints: list[str] = []


class Annotation(Struct, gc=False):
    """A person; keys that are not here (outlines, captions) are skipped."""

    id: Id
    image_id: Id
    category_id: Id | UnsetType = UNSET
    keypoints: list[Px] = []  # x, y, visibility of each
    num_keypoints: Annotated[int, Meta(ge=0, le=10**6)] = -1
    bbox: Box = NONE
    area: Area = np.nan
    iscrowd: Literal[0, 1] | bool = 0
    head_box: Box = NONE  # ours, for PCKh


class CocoFile(Struct):
    """A COCO keypoint file."""

    images: Sequence[Image]
    # Decoded one by one: together they would take gigabytes.
    annotations: list[Raw] | UnsetType = UNSET
    categories: list[Category] = []


def category(source: Source, file: CocoFile) -> Category:
    """The people's category: the only one with keypoints, else the one named person.

    A file without categories holds people alone. ValueError where several fit.
    """
    with_keypoints = [c for c in file.categories if c.keypoints]
    candidates = with_keypoints or file.categories or [Category(PERSON)]
    named = [c for c in candidates if c.name == "person"]
    found = candidates if len(candidates) == 1 else named
    if len(found) != 1:
        names = ", ".join(repr(c.name) for c in candidates)
        raise ValueError(f"{source.annotations}: categories: expected one 'person' among {names}")
    return found[0]


def people(source: Source, file: CocoFile, person: int, num_keypoints: int) -> Content:
    """The people of the wanted images as they stand in the file, with K keypoints each.

    With a K of 0 the file's keypoints are passed over. ValueError for ids that are not unique,
    images that are not listed, people with neither K keypoints nor none, and a file that lists
    images alone where somebody must be in it.
    """
    places = _places(source, file.images)
    rows = _Rows(source.annotations, places, person, num_keypoints)
    for record in decoding.each(_listed(source, file), Annotation, source.annotations, KEY):
        rows.append(record)
    images = [image for image in file.images if places[image.id] != LEFT_OUT]
    return rows.content(images)


def _listed(source: Source, file: CocoFile) -> list[Raw]:
    """The annotations; none where a file lists images alone, and a detector says who is in them."""
    if file.annotations is not UNSET:
        return file.annotations
    if source.labelled or source.boxes is None:
        raise ValueError(f"{source.annotations}: object missing required field `{KEY}`")
    return []


def _places(source: Source, images: Sequence[Image]) -> dict[int, int]:
    """Each image's index among the wanted ones by its id, LEFT_OUT for the others."""
    _check_unique(source.annotations, "images", [image.id for image in images])
    source.check_wanted(image.file_name for image in images)
    counter, wanted = count(), source.wanted
    return {
        image.id: next(counter) if wanted is None or image.file_name in wanted else LEFT_OUT
        for image in images
    }


def _check_unique(path: Path, key: str, ids: Sequence[int]) -> None:
    found, first, counts = np.unique(ids, return_index=True, return_counts=True)
    if (counts > 1).any():
        twice = found[counts > 1][first[counts > 1].argmin()]
        raise ValueError(f"{path}: {key}: the id {twice} occurs twice")


class _Rows:
    """People while they are read, as flat columns of plain numbers."""

    def __init__(
        self, path: Path, places: Mapping[int, int], person: int, num_keypoints: int
    ) -> None:
        self._path, self._places, self._person = path, places, person
        self._unlabelled = [0.0] * (3 * num_keypoints)
        self._ids, self._others = array("q"), 0  # of all annotations; of other categories
        self._integers, self._numbers, self._keypoints = array("q"), array("d"), array("d")

    def append(self, record: Annotation) -> None:
        """Enter an annotation if it is a person of a wanted image."""
        self._ids.append(record.id)
        image = self._places.get(record.image_id)
        if image is None:
            self._refuse(f": image_id {record.image_id} is not among `images`")
        elif image != LEFT_OUT and record.category_id not in (self._person, UNSET):
            self._others += 1
        elif image != LEFT_OUT:
            width = len(self._unlabelled)
            keypoints = record.keypoints if width else []
            given = len(keypoints)
            if given not in (0, width):
                self._refuse(f".keypoints: {given} numbers, expected {width // 3} times 3")
            self._integers.extend((image, record.id, given, record.num_keypoints, record.iscrowd))
            self._numbers.extend((*record.bbox, record.area, *record.head_box))
            self._keypoints.extend(keypoints or self._unlabelled)

    def _refuse(self, problem: str) -> NoReturn:
        raise ValueError(f"{self._path}: {KEY}[{len(self._ids) - 1}]{problem}")

    def content(self, images: Sequence[Image]) -> Content:
        """Everybody who was entered."""
        _check_unique(self._path, KEY, self._ids)
        integers = np.array(self._integers, np.int64).reshape(-1, 5)
        numbers = np.array(self._numbers, np.float64).reshape(-1, 9)
        shape = (len(integers), len(self._unlabelled) // 3, 3)
        return Content(
            images=images,
            image_index=integers[:, 0],
            instance_id=integers[:, 1],
            keypoints=np.asarray(self._keypoints).reshape(shape),
            has_keypoints=integers[:, 2] > 0,
            num_keypoints=integers[:, 3],
            box=numbers[:, :4],
            area=numbers[:, 4],
            head_box=numbers[:, 5:],
            crowd=integers[:, 4] > 0,
            person=self._person,
            dropped={"of another category": self._others},
        )
