"""The common MPII JSON (HRNet's, MMPose's) and its companion mpii_gt_val.mat with head boxes.

The JSON says whether a joint is labelled, not whether it is visible: every labelled one counts as
visible here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from posecache import decoding
from posecache.datasets import mpii_people
from posecache.datasets.mpii_people import LARGEST, NUM_KEYPOINTS, People
from posecache.datasets.records import Annotations, FileName, Px, Source

AGREE_PX = 1.0  # positions in the two files differ only by rounding
# mpii_gt_val.mat: head boxes as corners, positions, and whether a joint is missing.
GROUND_TRUTH = {
    "headboxes_src": (2, 2),
    "pos_gt_src": (NUM_KEYPOINTS, 2),
    "jnt_missing": (NUM_KEYPOINTS,),
}


class Person(Struct, gc=False):
    """A person; positions are 1-based px, centre -1 and scale -1 where unknown."""

    image: FileName
    center: tuple[Px, Px]
    scale: Annotated[float, Meta(le=LARGEST)]
    joints: list[tuple[Px, Px]] = []
    joints_vis: list[Annotated[float, Meta(ge=0, le=2)]] = []


def read(source: Source) -> Annotations:
    """People with joints, position and scale; rows of one image become adjacent."""
    people = _load(source)
    joints, labelled = _joints(source, people)
    center = np.array([person.center for person in people], np.float64)
    scale = np.array([person.scale for person in people], np.float64)
    placed = (center[:, 0] != -1) & (scale > 0)
    names, image = _images(source, people)
    heads, seen = _heads(source, joints, labelled), labelled.any(1)
    dropped = {
        "without labelled keypoints": int(((image >= 0) & ~seen).sum()),
        "without place or scale": int(((image >= 0) & seen & ~placed).sum()),
    }
    rows = np.flatnonzero((image >= 0) & seen & placed)
    rows = rows[np.argsort(image[rows], kind="stable")]
    usable = People(
        image=image[rows],
        image_id=image[rows] + 1,
        number=rows,
        center=center[rows],
        scale=scale[rows],
        keypoints=np.where(labelled[rows, :, None], joints[rows], np.nan),
        visibility=np.where(labelled[rows], 2, 0),
        head=heads[rows],
    )
    return mpii_people.build(source, names, usable, dropped)


def _load(source: Source) -> list[Person]:
    people = decoding.read(source.annotations, list[Person], "persons")
    source.check_wanted(person.image for person in people)
    if not any(person.joints for person in people):
        raise ValueError(
            f"{source.annotations}: nobody has 'joints' (MPII's test split has no labels)"
        )
    return people


def _images(source: Source, people: Sequence[Person]) -> tuple[list[str], np.ndarray]:
    """The wanted images' names, and each person's index among them (N,), -1 for another one."""
    names = [p.image for p in people if source.wanted is None or p.image in source.wanted]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return list(places), np.array([places.get(person.image, -1) for person in people])


def _joints(source: Source, people: Sequence[Person]) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, K, 2), 1-based, and whether they are labelled (N, K)."""
    for row, person in enumerate(people):
        found = len(person.joints), len(person.joints_vis)
        if found != (NUM_KEYPOINTS, NUM_KEYPOINTS):
            raise ValueError(
                f"{source.annotations}: persons[{row}]: {found[0]} joints and {found[1]} "
                f"joints_vis, expected {NUM_KEYPOINTS} of each"
            )
    joints = np.array([person.joints for person in people], np.float64)
    return joints, np.array([person.joints_vis for person in people], np.float64) > 0


def _heads(source: Source, joints: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Head boxes (N, 4) as corners, NaN without mpii_gt_val.mat; both files must agree."""
    path = source.head_boxes
    if path is None:
        return np.full((len(joints), 4), np.nan)
    corners, places, missing = _ground_truth(path, len(joints), source.annotations)
    both = labelled & (missing == 0)
    distance = np.where(both, np.abs(joints - places).max(2), 0).max(1)
    if not (distance <= AGREE_PX).all():
        row = int(np.argmin(distance <= AGREE_PX))
        raise ValueError(
            f"{path}: person {row} is not the one in {source.annotations}: joints "
            f"{distance[row]:.1f} px apart"
        )
    return corners


def _ground_truth(path: Path, persons: int, annotations: Path) -> list[np.ndarray]:
    """Head corners (N, 4), positions (N, K, 2) and missing flags (N, K) of mpii_gt_val.mat."""
    content, found = mpii_people.load_mat(path), []
    for name, shape in GROUND_TRUTH.items():
        if name not in content:
            raise ValueError(f"{path}: not mpii_gt_val.mat, it has no {name!r}")
        values = content[name]
        if values.shape[:-1] != shape or values.dtype.kind not in "biuf":
            raise ValueError(
                f"{path}: {name}: {values.dtype} {values.shape}, expected numbers {(*shape, 'N')}"
            )
        if values.shape[-1] != persons:
            raise ValueError(f"{path}: {values.shape[-1]} persons, but {annotations} has {persons}")
        found.append(np.moveaxis(values, -1, 0).astype(np.float64))
    if not mpii_people.in_range(found[0]):
        raise ValueError(f"{path}: headboxes_src: expected numbers in px")
    return [found[0].reshape(-1, 4), *found[1:]]
