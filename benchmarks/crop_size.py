"""How large training crops must be: a student's view of them against its view of the pictures.

    python benchmarks/crop_size.py --set coco coco17 people.json pictures [--set ...]
        [--size 512 640] [--context 1.5 2.0] [--input 192 256] [--augmentation '{...}']

Each set is given by its format, skeleton, annotation file and folder of pictures. Of each of its
persons (`--persons` of them, spread evenly) some views are drawn by the augmentation. Prints a
Markdown table: the mean difference in grey levels where a view shows the crop, the views that lose
more than a thousandth of their px because the crop ends where the picture goes on, and the mean
bytes a person, stored and decoded.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from posecache import datasets, geometry, skeletons
from posecache.contract import PADDING
from posecache.datasets import Annotations, Source
from posecache.samples import Augmentation, Crops, pictures
from posecache.samples.augmentation import draw_matrices
from posecache.samples.crops import clipped, frames

Size = tuple[int, int]
LOST = 5e-3  # of a view's px: less is a strip of a px at an edge of the picture


@dataclass(frozen=True)
class Person:
    """A person in a picture, as the student may see it."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    box: np.ndarray  # (4,) xywh image px
    matrices: np.ndarray  # (V, 2, 3), image px to input px


@dataclass(frozen=True)
class Seen:
    """What crops cost; all are means over persons and views."""

    levels: float
    losing: float  # share of views
    stored: float  # bytes a person
    decoded: float

    @property
    def cells(self) -> str:
        """A row's numbers in the table."""
        return (
            f"{self.levels:.2f} | {100 * self.losing:.1f} % | {self.stored / 1e3:.1f} | "
            f"{self.decoded / 1e3:.0f}"
        )


def people(
    found: Annotations, how: Augmentation, size: Size, persons: int, views: int, seed: int = 0
) -> Iterator[Person]:
    """Some persons with views drawn by the augmentation."""
    count, rng = len(found.box), np.random.default_rng(seed)
    skeleton = skeletons.load(found.source.skeleton)
    for row in np.unique(np.linspace(0, count - 1, min(persons, count)).astype(int)):
        boxes, points = (
            torch.from_numpy(np.repeat(values[row : row + 1], views, 0)).double()
            for values in (found.box, found.keypoints)
        )
        matrices = draw_matrices(boxes, points, skeleton, how, PADDING, size, rng)
        yield Person(pictures.read_image(found.image_path(row)), found.box[row], matrices.numpy())


def measure(person: Person, crops: Crops, size: Size) -> Seen:
    """What a person's crop costs."""
    matrices, sides = frames(person.box[None], crops)
    matrix, kept = clipped(matrices[0], sides[0], person.image)
    jpeg = pictures.encode(pictures.warp(person.image, matrix, kept), crops.quality)
    crop = pictures.decode(jpeg)
    levels, losing = [], []
    for view in person.matrices:
        of_crop = geometry.compose(view, geometry.invert(matrix)).numpy()
        shown = covered(crop, of_crop, size) & covered(person.image, view, size)
        direct, seen = (
            pictures.warp(source, how, size).astype(int)
            for source, how in ((person.image, view), (crop, of_crop))
        )
        lost = covered(person.image, view, size) & ~shown
        losing.append(lost.mean() > LOST)
        levels.append(np.abs(direct - seen)[shown].mean() if shown.any() else 0.0)
    return Seen(float(np.mean(levels)), float(np.mean(losing)), len(jpeg), crop.nbytes)


def covered(image: np.ndarray, matrix: np.ndarray, size: Size) -> np.ndarray:
    """Where (height, width) a view shows an image and not the black around it."""
    mask = np.full(image.shape[:2], 255, np.uint8)
    return cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR) > 127


def mean(found: Sequence[Seen]) -> Seen:
    """The mean over persons."""
    names = ("levels", "losing", "stored", "decoded")
    return Seen(*(float(np.mean([getattr(seen, name) for seen in found])) for name in names))


def read(given: Sequence[str]) -> Annotations:
    """The people of a --set."""
    form, skeleton, file, folder = given
    return datasets.read(
        Source(format=form, annotations=Path(file), image_root=Path(folder), skeleton=skeleton)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs=4, action="append", required=True,
                        metavar=("FORMAT", "SKELETON", "ANNOTATIONS", "IMAGES"))  # fmt: skip
    parser.add_argument("--size", type=int, nargs="+", default=[384, 512, 640, 768])
    parser.add_argument("--context", type=float, nargs="+", default=[1.5, 2.0])
    parser.add_argument("--quality", type=int, nargs="+", default=[95])
    parser.add_argument("--input", type=int, nargs=2, default=[192, 256], metavar=("W", "H"))
    parser.add_argument("--augmentation", type=yaml.safe_load, default={}, help="as in a recipe")
    parser.add_argument("--persons", type=int, default=200, help="of each set")
    parser.add_argument("--views", type=int, default=8)
    given = parser.parse_args()
    how, size = Augmentation.model_validate(given.augmentation), tuple(given.input)
    sets = [list(people(read(s), how, size, given.persons, given.views)) for s in given.set]
    print("| size | context | quality | set | levels | losing | kB stored | kB decoded |")
    print("|---|---|---|---|---|---|---|---|")
    for px, context, quality in product(given.size, given.context, given.quality):
        crops = Crops(size=px, context=context, quality=quality)
        found = [[measure(person, crops, size) for person in persons] for persons in sets]
        names = [Path(s[2]).stem for s in given.set]
        for name, seen in [*zip(names, found, strict=True), ("all", list(chain(*found)))]:
            print(f"| {px} | {context:g} | {quality} | {name} | {mean(seen).cells} |", flush=True)


if __name__ == "__main__":
    main()
