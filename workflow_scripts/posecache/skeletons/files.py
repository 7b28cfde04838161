"""A skeleton's YAML file: what it holds, and what is wrong in it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from msgspec import Meta, Struct

from posecache import decoding

SIDES = {"left_": "right_", "right_": "left_"}
Keypoint = Annotated[str, Meta(min_length=1)]
Sigma = Annotated[float, Meta(gt=0, le=1)]


class SkeletonFile(Struct, forbid_unknown_fields=True):
    """A skeleton as its file describes it; `links` and `lower` name keypoints, and `derived`
    further ones that follow from some of them."""

    keypoints: Annotated[list[Keypoint], Meta(min_length=1)]
    sigmas: list[Sigma]
    links: list[tuple[Keypoint, Keypoint]]
    lower: list[Keypoint] = []
    derived: dict[Keypoint, Annotated[list[Keypoint], Meta(min_length=1)]] = {}


def read(path: Path) -> Any:
    """A YAML file's content; ValueError if it is missing or not YAML."""
    content = decoding.read_bytes(path)
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:  # a wrong date is a ValueError
        raise ValueError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


def checked(record: Any, source: str) -> SkeletonFile:
    """A skeleton file's content; ValueError names `source`, the key and what is wrong in it."""
    file = decoding.convert(record, SkeletonFile, source)
    problem = _problem(file)
    if problem:
        raise ValueError(f"{source}: {problem}")
    return file


def _problem(file: SkeletonFile) -> str | None:
    """What is wrong with the names and numbers together."""
    names = set(file.keypoints)
    twice = [name for name, count in Counter(file.keypoints).items() if count > 1]
    if twice:
        return f"keypoints: {twice[0]!r} is named twice"
    if len(file.sigmas) != len(file.keypoints):
        return f"sigmas: {len(file.sigmas)} for {len(file.keypoints)} keypoints"
    for name in file.keypoints:
        other = _other_side(name)
        if other is not None and other not in names:
            return f"keypoints: {name!r} without {other!r}, its other side"
    for key, used in _used(file):
        unknown = [name for name in used if name not in names]
        if unknown:
            return f"{key}: {unknown[0]!r} is no keypoint"
    own = [name for name in file.derived if name in names]
    return f"derived: {own[0]!r} is a keypoint of its own" if own else None


def _used(file: SkeletonFile) -> Iterator[tuple[str, Sequence[str]]]:
    """The keypoints that each key names."""
    yield "links", [name for link in file.links for name in link]
    yield "lower", file.lower
    for name, sources in file.derived.items():
        yield f"derived.{name}", sources


def _other_side(name: str) -> str | None:
    """What a picture's mirroring makes of a keypoint `left_...` or `right_...`."""
    for side, other in SIDES.items():
        if name.startswith(side):
            return other + name.removeprefix(side)
    return None
