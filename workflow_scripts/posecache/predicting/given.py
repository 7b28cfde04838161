"""Which pictures a model is run over, and the boxes in them. Shapes: P people of one picture."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from posecache import skeletons
from posecache.datasets import detections
from posecache.datasets.detections import Pictures
from posecache.datasets.records import DETECTIONS, Source


@dataclass(frozen=True)
class Given:
    """A picture that was given."""

    path: Path
    name: str  # in the results: relative to the folder that was given
    number: int  # its place among all


@dataclass(frozen=True)
class Boxes:
    """The people of a picture."""

    xywh: np.ndarray  # (P, 4) float32 image px
    scores: np.ndarray  # (P,) float32

    @property
    def count(self) -> int:
        return len(self.scores)


# The boxes in a picture (H, W, 3) uint8 RGB.
Finder: TypeAlias = Callable[[Given, np.ndarray], Boxes]


def find(paths: Iterable[Path]) -> list[Given]:
    """The pictures among files and in folders; ValueError for a path that is neither, for a folder
    without pictures, and for two pictures of one name."""
    found: dict[str, Path] = {}
    for path in paths:
        for name, file in _pictures(path).items():
            if name in found:
                raise ValueError(
                    f"{found[name]} and {file}: both are called {name} in the results; expected "
                    "the folder above them, or one run for each"
                )
            found[name] = file
    return [Given(file, name, number) for number, (name, file) in enumerate(found.items())]


def _pictures(path: Path) -> dict[str, Path]:
    """The pictures that a path stands for, by name."""
    if path.is_file():
        return {path.name: path}
    found = {name: path / name for name in detections.pictures_in(path)}
    if not found:
        raise ValueError(f"{path}: no picture is in this folder")
    return found


def image_ids(pictures: Sequence[Given]) -> list[int]:
    """The pictures' ids in the results: the numbers that their names are, as COCO's, or 1, 2, ...
    where one is none or two are the same. By the same numbers a detector's results name them."""
    stems = [picture.name.removesuffix(Path(picture.name).suffix) for picture in pictures]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdecimal()]
    unlike = len(set(numbers)) == len(pictures) and max(numbers) < 2**63
    return numbers if unlike else [picture.number + 1 for picture in pictures]


def whole(_: Given, image: np.ndarray) -> Boxes:
    """One person, whose box is the whole picture."""
    height, width = image.shape[:2]
    return Boxes(np.array([[0, 0, width, height]], np.float32), np.ones(1, np.float32))


class FromFile:
    """The people of a detector's result file, in COCO's format."""

    def __init__(
        self, file: Path, pictures: Sequence[Given], min_score: float | None = None
    ) -> None:
        """ValueError for a file that is not of the format, or has nobody in these pictures."""
        source = Source(
            format=DETECTIONS,
            annotations=file,
            image_root=Path(),
            skeleton=skeletons.NONE,
            min_box_score=min_score,
        )
        names = Pictures.named([picture.name for picture in pictures])
        self._file, self._found = file, detections.build(source, file, names)
        self.count = len(self._found.box)

    def __call__(self, picture: Given, image: np.ndarray) -> Boxes:
        """ValueError for a box that does not touch the picture."""
        own = slice(*np.searchsorted(self._found.image_index, [picture.number, picture.number + 1]))
        boxes, size = self._found.box[own], image.shape[1::-1]
        outside = (boxes[:, :2] >= size) | (boxes[:, :2] + boxes[:, 2:] <= 0)
        for row in np.flatnonzero(outside.any(1)):
            number = self._found.instance_id[own][row]
            raise ValueError(
                f"{picture.path}: {size[0]} x {size[1]} px, and the box {boxes[row].tolist()} of "
                f"{self._file}, detections[{number}], lies outside of it"
            )
        return Boxes(boxes, self._found.box_score[own])
