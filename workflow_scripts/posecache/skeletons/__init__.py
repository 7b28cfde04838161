"""Skeletons as data: one YAML file each; unions, maps and flip pairs follow from keypoint names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from posecache.files import as_json
from posecache.skeletons import files

FOLDER = Path(__file__).parent
NONE = "none"  # the skeleton without keypoints: that of people who are not labelled


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """Named keypoints; `flip_pairs` are (left, right) and `links` joined indices."""

    name: str
    keypoints: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]  # of OKS, relative to the square root of the person's area
    links: tuple[tuple[int, int], ...]
    lower: tuple[int, ...]  # the lower body, for the half-body augmentation
    # Names of keypoints that no model of this skeleton predicts, as they follow from these of its.
    derived: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def num_keypoints(self) -> int:
        """The number of keypoints, K."""
        return len(self.keypoints)

    @property
    def content(self) -> dict[str, Any]:
        """All that a value may depend on, JSON-able: not its name, and not what is only drawn.

        Nor what is derived, which only scores depend on (`derived_among`).
        """
        return {key: getattr(self, key) for key in ("keypoints", "flip_pairs", "sigmas", "lower")}

    def indices_in(self, other: "Skeleton") -> tuple[np.ndarray, np.ndarray]:
        """Indices (mine, theirs) of the keypoints that both have, in my order."""
        return places(self.keypoints, other.keypoints)

    @property
    def names(self) -> tuple[str, ...]:
        """The keypoints, and after them the derived ones."""
        return (*self.keypoints, *(name for name, _ in self.derived))

    def derived_among(self, wanted: "Skeleton") -> dict[str, list[str]]:
        """The keypoints of another skeleton that are derived here, and those they follow from."""
        return {
            name: [self.keypoints[index] for index in sources]
            for name, sources in self.derived
            if name in wanted.keypoints
        }


def places(mine: Sequence[str], theirs: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Indices in `mine` and in `theirs` of the names that both have, in the order of `mine`."""
    place = {name: index for index, name in enumerate(theirs)}
    pairs = [(i, place[name]) for i, name in enumerate(mine) if name in place]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return first, second


@cache
def load(name: str) -> Skeleton:
    """The skeleton of this name or YAML file, or the union `a+b`; ValueError if there is none."""
    if name == NONE:
        return _assemble(NONE, (), (), [], (), {})
    if "+" in name:
        return union(name.split("+"))
    if _is_file(name):
        return parse(files.read(Path(name)), name, name)
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise ValueError(
            f"unknown skeleton {name!r}, expected one of {known}, a YAML file or a union a+b"
        )
    return parse(files.read(path), name, str(path))


def check_content(name: str, recorded: Mapping[str, Any], place: Path) -> None:
    """Raise ValueError if a skeleton is not any more what is recorded of its content at `place`.

    One whose file is not to be found from here is let be: whoever needs it is told so.
    """
    if not all(Path(file).exists() for file in files_of(name)):
        return
    content = load(name).content
    for key, value in recorded.items():
        if as_json(content[key]) != as_json(value):
            raise ValueError(f"{place}: made with other {key} than the skeleton {name} has now")


def known(name: str) -> str:
    """The name itself; ValueError if there is no such skeleton, or none of keypoints."""
    if NONE in name.split("+"):
        raise ValueError(f"{name!r}: expected a skeleton with keypoints")
    load(name)
    return name


SkeletonName = Annotated[str, AfterValidator(known)]


def files_of(name: str) -> list[str]:
    """The user's own YAML files that a skeleton's name, perhaps a union, refers to."""
    return [part for part in name.split("+") if _is_file(part)]


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def parse(record: Any, name: str, source: str) -> Skeleton:
    """A skeleton from a file's content; ValueError names `source` and what is wrong in it."""
    file = files.checked(record, source)
    return _assemble(
        name, tuple(file.keypoints), tuple(file.sigmas), file.links, file.lower, file.derived
    )


def union(names: Sequence[str]) -> Skeleton:
    """All keypoints of several skeletons: the first one's, then what each next one adds.

    A keypoint that several have keeps the first one's sigma; one that is derived in one of them
    and is another's own is not derived. Source: Eq. 1 of the paper.
    """
    parts = list(dict.fromkeys(part for name in names for part in name.split("+")))
    parts = [part for part in parts if part != NONE] or [NONE]
    skeletons = [load(part) for part in parts]
    if len(skeletons) == 1:
        return skeletons[0]
    sigmas: dict[str, float] = {}
    links: dict[frozenset[str], list[str]] = {}
    derived: dict[str, list[str]] = {}
    for skeleton in skeletons:
        for keypoint, sigma in zip(skeleton.keypoints, skeleton.sigmas, strict=True):
            sigmas.setdefault(keypoint, sigma)
        for a, b in skeleton.links:
            link = [skeleton.keypoints[a], skeleton.keypoints[b]]
            links.setdefault(frozenset(link), link)
        for name, sources in skeleton.derived:
            derived.setdefault(name, [skeleton.keypoints[index] for index in sources])
    lower = {skeleton.keypoints[index] for skeleton in skeletons for index in skeleton.lower}
    left = {name: sources for name, sources in derived.items() if name not in sigmas}
    return _assemble(
        "+".join(parts), tuple(sigmas), tuple(sigmas.values()), list(links.values()), lower, left
    )


def shared(a: Skeleton, b: Skeleton) -> tuple[str, ...]:
    """Names of the keypoints that both have, in the order of `a`. Source: Eq. 2 of the paper."""
    return tuple(name for name in a.keypoints if name in b.keypoints)


def part(skeleton: Skeleton, names: Sequence[str]) -> Skeleton:
    """The skeleton of some of its keypoints, in the order of `names`, and of no derived ones."""
    place = {name: index for index, name in enumerate(skeleton.keypoints)}
    links = [[skeleton.keypoints[a], skeleton.keypoints[b]] for a, b in skeleton.links]
    kept = [link for link in links if set(link) <= set(names)]
    sigmas = tuple(skeleton.sigmas[place[name]] for name in names)
    lower = {skeleton.keypoints[index] for index in skeleton.lower}
    return _assemble(f"{skeleton.name}[{len(names)}]", tuple(names), sigmas, kept, lower, {})


def _assemble(
    name: str,
    keypoints: tuple[str, ...],
    sigmas: tuple[float, ...],
    links: Sequence[Sequence[str]],
    lower: Collection[str],
    derived: Mapping[str, Sequence[str]],
) -> Skeleton:
    place = {keypoint: index for index, keypoint in enumerate(keypoints)}
    flip_pairs = tuple(
        (index, place[keypoint.replace("left_", "right_", 1)])
        for keypoint, index in place.items()
        if keypoint.startswith("left_") and keypoint.replace("left_", "right_", 1) in place
    )
    assert len(sigmas) == len(keypoints)
    return Skeleton(
        name=name,
        keypoints=keypoints,
        flip_pairs=flip_pairs,
        sigmas=sigmas,
        links=tuple((place[a], place[b]) for a, b in links),
        lower=tuple(index for keypoint, index in place.items() if keypoint in lower),
        derived=tuple((name, tuple(place[s] for s in derived[name])) for name in derived),
    )
