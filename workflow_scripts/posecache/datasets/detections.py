"""Person detections in COCO's result format, used as boxes in place of the annotated ones.

Source of the rules for who counts: MMPose datasets/datasets/base/base_coco_style_dataset.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from posecache import decoding, skeletons
from posecache.datasets.coco_file import PERSON
from posecache.datasets.records import (
    BOX_SHARE,
    Annotations,
    Content,
    FileName,
    Format,
    Id,
    Px,
    Source,
)

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}  # of pictures in a folder
AMBIGUOUS, ABSENT = -2, -1


class Detection(Struct, gc=False):
    """A detected object; some detectors write a box's score as its fifth number."""

    image_id: Id | FileName
    category_id: Id
    bbox: Annotated[list[Px], Meta(min_length=4, max_length=5)]  # xywh
    score: Annotated[float, Meta(ge=-1e6, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures that a detector may have looked at."""

    names: list[str]  # (M,)
    ids: np.ndarray  # (M,) int64
    size: np.ndarray | None  # (M, 2) width, height in px
    places: Mapping[int | str, int]  # each one's index by what a detection may call it
    person: int = PERSON  # the category of people

    @staticmethod
    def of(content: Content) -> "Pictures":
        """Those that an annotation file lists, called by their ids or their names."""
        names = [image.file_name for image in content.images]
        places: dict[int | str, int] = {name: place for place, name in enumerate(names)}
        places |= {image.id: place for place, image in enumerate(content.images)}
        return Pictures(
            names=names,
            ids=np.array([image.id for image in content.images], np.int64),
            size=content.image_size,
            places=places,
            person=content.person,
        )

    @staticmethod
    def inside(source: Source) -> "Pictures":
        """Those of a folder, by name. ValueError if there is no such folder."""
        found = pictures_in(source.image_root)
        source.check_wanted(found)
        names = [name for name in found if source.wanted is None or name in source.wanted]
        return Pictures.named(names)

    @staticmethod
    def named(names: list[str]) -> "Pictures":
        """Pictures of these names, called by them with or without suffix, or by the number that
        one is."""
        places: dict[int | str, int] = {}
        for place, name in enumerate(names):
            stem = name.removesuffix(Path(name).suffix)
            number = [int(stem)] if stem.isascii() and stem.isdecimal() else []
            short: list[int | str] = [stem, *number]
            for key in short:
                places[key] = place if key not in places else AMBIGUOUS
        places |= {name: place for place, name in enumerate(names)}
        ids = np.arange(1, len(names) + 1)
        return Pictures(names=names, ids=ids, size=None, places=places)


def pictures_in(folder: Path) -> list[str]:
    """The names of the pictures in a folder and the folders in it, relative to it, in order."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def read(source: Source) -> Annotations:
    """The people of a detector's result file over a folder of pictures, without labels."""
    return build(source, source.annotations, Pictures.inside(source))


def build(source: Source, file: Path, pictures: Pictures) -> Annotations:
    """One row for each person that a file detects, without labels, in the order of the pictures.

    Boxes are not clipped and keep their score. ValueError for a file that holds no detections.
    """
    found = decoding.read(file, list[Detection], "detections")
    number, image, dropped = _usable(source, file, found, pictures)
    if not len(number):
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
        raise ValueError(f"{file}: nobody was detected in this sample set ({counts})")
    rows = [found[row] for row in number]
    box = np.array([row.bbox[:4] for row in rows], np.float32)
    shape = (len(rows), skeletons.load(source.skeleton).num_keypoints)
    return Annotations(
        source=source,
        image_paths=pictures.names,
        image_size=pictures.size,
        image_index=image,
        image_id=pictures.ids[image],
        instance_id=number,
        box=box,
        keypoints=np.full((*shape, 2), np.nan, np.float32),
        visibility=np.zeros(shape, np.uint8),
        area=box[:, 2] * box[:, 3] * BOX_SHARE,
        head_size=np.full(len(rows), np.nan, np.float32),
        box_score=np.array([row.score for row in rows], np.float32),
        dropped=dropped,
    )


def _usable(
    source: Source, file: Path, found: Sequence[Detection], pictures: Pictures
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Numbers and images (N,) of the usable detections by image, and how many others there are."""
    image = _images(file, found, pictures)
    person = np.array([row.category_id == pictures.person for row in found], bool)
    sure = np.ones(len(found), bool)
    if source.min_box_score is not None:
        sure = np.array([row.score for row in found]) >= source.min_box_score
    box = np.array([row.bbox[:4] for row in found]).reshape(-1, 4)
    reasons = {
        "not a person": person,
        "of an image that is left out": image >= 0,
        "below min_box_score": sure,
        "box without area": (box[:, 2:] > 0).all(1),
        "outside the image": _touches(box, image, pictures.size),
    }
    usable, dropped = np.ones(len(found), bool), {}
    for reason, fine in reasons.items():
        dropped[reason] = int((usable & ~fine).sum())
        usable &= fine
    number = np.flatnonzero(usable)
    number = number[np.argsort(image[number], kind="stable")]
    return number, image[number], dropped


def _images(file: Path, found: Sequence[Detection], pictures: Pictures) -> np.ndarray:
    """Each detection's image (N,) int64, negative where there is none."""
    image = np.array([pictures.places.get(row.image_id, ABSENT) for row in found], np.int64)
    if (image == AMBIGUOUS).any():
        row = int((image == AMBIGUOUS).argmax())
        raise ValueError(
            f"{file}: detections[{row}].image_id: several pictures are called "
            f"{found[row].image_id!r}, expected a name with its suffix"
        )
    return image


def _touches(box: np.ndarray, image: np.ndarray, size: np.ndarray | None) -> np.ndarray:
    """Whether each box (N, 4) xywh touches its image, taken for granted without sizes (M, 2)."""
    if size is None or not len(size):
        return np.ones(len(box), bool)
    touches = (box[:, :2] < size[image]) & (box[:, :2] + box[:, 2:] > 0)
    return np.asarray(touches.all(1))


FORMAT = Format(read)
