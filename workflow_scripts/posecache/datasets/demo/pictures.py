"""Demo pictures: people, clutter and occluders, framed as COCO, MPII and CrowdPose do.

COCO-like pictures hold several people of all sizes in everyday poses, often cut by the border;
MPII-like ones hold one or two whole, larger people in athletic poses, who are sometimes tilted;
in CrowdPose-like ones two to six of about one size stand in a row, apart to behind one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from posecache.datasets.demo import figure
from posecache.datasets.demo.figure import NAMES, Person, Style
from posecache.datasets.mpii_people import UNIT
from posecache.threads import ahead

QUALITY = 92  # JPEG
SCALE = 0.75  # the side of MPII's boxes over the standing height


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How pictures of a dataset are taken."""

    size: tuple[int, int]  # width, height in px
    people: tuple[float, ...]  # probability of 1, 2, ... people
    heights: tuple[float, float]  # range of a person's standing height, px
    margin: float  # least distance of the pelvis from a side, over the width; negative: outside
    vertical: tuple[float, float]  # range of the pelvis' y, as a share of the picture's height
    athletic: float  # share of people in athletic poses; the others' are everyday ones
    background: tuple[int, int]  # range of its brightness
    gaps: tuple[float, float] | None = None  # range of neighbours' distance over their height, in a
    # row; None: people stand anywhere


COCO = Framing(
    size=(320, 240),
    people=(0.3, 0.4, 0.3),
    heights=(90, 250),
    margin=0.08,
    vertical=(0.4, 0.75),
    athletic=0.32,
    background=(80, 200),
)
MPII = Framing(
    size=(288, 288),
    people=(0.55, 0.35, 0.1),
    heights=(120, 245),
    margin=0.18,
    vertical=(0.42, 0.66),
    athletic=0.42,
    background=(70, 190),
)
CROWD = Framing(
    size=(400, 240),
    people=(0, 0.2, 0.25, 0.25, 0.2, 0.1),
    heights=(100, 200),
    margin=0.08,
    vertical=(0.45, 0.6),
    athletic=0.32,
    background=(80, 200),
    gaps=(0.06, 0.9),
)
FRAMINGS = {"coco": COCO, "mpii": MPII, "crowd": CROWD}


@dataclass(frozen=True, kw_only=True)
class Label:
    """What an annotator writes about one person; P = 27 keypoints, those of figure.NAMES."""

    keypoints: np.ndarray  # (P, 2) image px
    visibility: np.ndarray  # (P,) 0 not labelled, 1 hidden, 2 visible
    box: tuple[float, float, float, float]  # xywh of the visible pixels
    area: int  # visible pixels
    head_box: tuple[float, float, float, float]  # xywh
    height: float  # standing height, px
    center: tuple[float, float]  # rough middle of the body

    @property
    def scale(self) -> float:
        """The size that MPII's annotators would write."""
        return SCALE * self.height / UNIT


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A rendered picture as a JPEG file's bytes, and its people."""

    jpeg: bytes
    size: tuple[int, int]
    labels: list[Label]


def pictures(framing: str, count: int, seed: int, threads: int = 1) -> Iterator[Picture]:
    """`count` pictures framed as in `framing`; picture i depends only on (framing, seed, i)."""
    chosen = FRAMINGS[framing]
    return ahead(
        lambda i: take(chosen, np.random.default_rng([seed, i])), range(count), threads=threads
    )


def take(framing: Framing, rng: np.random.Generator) -> Picture:
    """One picture."""
    image = _background(framing, rng)
    owner = np.zeros(image.shape[:2], np.uint8)
    count = 1 + int(rng.choice(len(framing.people), p=framing.people))
    row = _crowd(framing, rng, count) if framing.gaps else _anywhere(framing, rng, count)
    people = sorted(row, key=lambda p: p.height)
    for index, person in enumerate(people, start=1):
        figure.render(person, image, owner, index)
    if rng.random() < 0.5:
        _occlude(image, owner, rng)
    image = _photograph(image, rng)
    labels = [_label(person, owner, index) for index, person in enumerate(people, start=1)]
    done, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert done
    return Picture(jpeg=jpeg.tobytes(), size=framing.size, labels=labels)


def _anywhere(framing: Framing, rng: np.random.Generator, count: int) -> list[Person]:
    """People who have nothing to do with each other."""
    return [_place(framing, rng) for _ in range(count)]


def _place(framing: Framing, rng: np.random.Generator) -> Person:
    width, height = framing.size
    tall = _tall(framing.heights, rng)
    x = rng.uniform(framing.margin, 1 - framing.margin) * width
    y = rng.uniform(*framing.vertical) * height
    return _person(framing, rng, (x, y), tall)


def _tall(heights: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = heights
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _person(
    framing: Framing, rng: np.random.Generator, center: tuple[float, float], tall: float
) -> Person:
    style: Style = "athletic" if rng.random() < framing.athletic else "everyday"
    return figure.draw_person(rng, style, center, tall)


def _crowd(framing: Framing, rng: np.random.Generator, count: int) -> list[Person]:
    """People side by side, at distances that are much the same in one picture."""
    assert framing.gaps is not None
    width, height = framing.size
    tall, widest = _tall(framing.heights, rng), width * (1 - 2 * framing.margin)
    gap = min(tall * rng.uniform(*framing.gaps), widest / (count - 1))
    free = (widest - gap * (count - 1)) / 2
    x = width / 2 + rng.uniform(-free, free) + gap * (np.arange(count) - (count - 1) / 2)
    x += gap * rng.normal(0, 0.15, count)
    y = rng.uniform(*framing.vertical) * height + tall * rng.normal(0, 0.05, count)
    heights = tall * np.exp(rng.normal(0, 0.12, count))
    return [_person(framing, rng, (x[i], y[i]), float(heights[i])) for i in range(count)]


def _background(framing: Framing, rng: np.random.Generator) -> np.ndarray:
    """A dull gradient with dull clutter."""
    width, height = framing.size
    low, high = framing.background
    corners = rng.uniform(low, high, (2, 2, 3)) * 0.3 + rng.uniform(low, high, (2, 2, 1)) * 0.7
    image = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    image = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(6, 14))):
        shape = rng.uniform(0, [width, height], (1, 2)) + rng.normal(0, 32, (4, 2))
        cv2.fillPoly(image, [shape.astype(np.int32)], _dull(rng, low, high), cv2.LINE_AA)
    return image


def _dull(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    """A greyish colour."""
    r, g, b = np.clip(rng.uniform(low, high) + rng.normal(0, 14, 3), 0, 255).astype(int).tolist()
    return r, g, b


def _occlude(image: np.ndarray, owner: np.ndarray, rng: np.random.Generator) -> None:
    """A piece of furniture in front of everybody."""
    height, width = owner.shape
    left, top = rng.uniform(0, width * 0.8), rng.uniform(height * 0.5, height * 0.9)
    corner = (int(left + rng.uniform(25, 90)), int(top + rng.uniform(15, 60)))
    start, color = (int(left), int(top)), _dull(rng, 60, 180)
    cv2.rectangle(image, start, corner, color, -1)
    cv2.rectangle(image, start, corner, (50, 45, 40), 2)
    cv2.rectangle(owner, start, corner, 255, -1)


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure and sensor noise."""
    noise = rng.normal(0, 5, (*image.shape[:2], 1)).astype(np.float32)
    return np.clip(image * rng.uniform(0.8, 1.15) + noise, 0, 255).astype(np.uint8)


def _label(person: Person, owner: np.ndarray, index: int) -> Label:
    height, width = owner.shape
    keypoints = np.array([person.points[name] for name in NAMES])
    place = np.round(keypoints).astype(int)
    inside = ((keypoints >= 0) & (keypoints <= [width - 1, height - 1])).all(-1)
    labelled = inside & np.array([person.labelled[name] for name in NAMES])
    own = owner[place[:, 1].clip(0, height - 1), place[:, 0].clip(0, width - 1)] == index
    visibility = np.where(labelled, np.where(own, 2, 1), 0)
    area, box = _extent(owner == index)
    head = person.points["head_top"], person.points["upper_neck"]
    middle, reach = (head[0] + head[1]) / 2, 0.078 * person.height
    body = keypoints[:17]
    return Label(
        keypoints=keypoints.round(2),
        visibility=visibility,
        box=box,
        area=area,
        head_box=(*(middle - reach).round(2).tolist(), round(2 * reach, 2), round(2 * reach, 2)),
        height=person.height,
        center=tuple(((body.min(0) + body.max(0)) / 2).round(2).tolist()),
    )


def _extent(mask: np.ndarray) -> tuple[int, tuple[float, float, float, float]]:
    """Number of pixels, and the box xywh around them; zeros where there is none."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(ys):
        return 0, (0.0, 0.0, 0.0, 0.0)
    x, y = float(xs[0]), float(ys[0])
    return int(mask.sum()), (x, y, float(xs[-1] + 1 - x), float(ys[-1] + 1 - y))
