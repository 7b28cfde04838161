"""Who the rows of a store are, wherever their files lie: by this, logits are joined to samples.

Shapes: N persons, L bytes of the longest image name.
"""

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from posecache.stores.layout import Column
from posecache.stores.store import Store


@dataclass(frozen=True)
class People:
    """Persons in the order of their rows; each field is also a column of a logit store."""

    image: np.ndarray  # (N, L) uint8: the image's name in its annotation file, UTF-8, then zeros
    picture: np.ndarray  # (N, 16) uint8: the digest of the image file
    instance_id: np.ndarray  # (N,) int64
    box: np.ndarray  # (N, 4) float32 xywh image px

    @staticmethod
    def of(store: Store) -> "People":
        """The people that a logit store keeps beside its logits."""
        return People(*(store.column(field.name) for field in fields(People)))

    @cached_property
    def digest(self) -> str:
        """A digest of the persons and of their order."""
        return hashlib.sha256(_joined(self).tobytes()).hexdigest()

    @property
    def names(self) -> np.ndarray:
        """The images' names (N,), as bytes."""
        return np.ascontiguousarray(self.image).view(f"S{self.image.shape[1]}")[:, 0]

    def arrays(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """The columns of rows start ... stop - 1."""
        return {field.name: getattr(self, field.name)[start:stop] for field in fields(self)}

    @property
    def columns(self) -> dict[str, Column]:
        """How the columns are stored."""
        arrays = self.arrays(0, 0)
        found = {n: Column(shape=a.shape[1:], dtype=str(a.dtype)) for n, a in arrays.items()}
        # Zstandard finds what texts have in common, and not once their bits are shuffled.
        names = Column(shape=self.image.shape[1:], dtype="uint8", shuffle="noshuffle")
        return found | {"image": names}

    def rows_in(self, others: "People") -> np.ndarray:
        """The row (N,) of each person among `others`; -1 where it is not there."""
        width = max(self.image.shape[1], others.image.shape[1])
        mine, theirs = _keys(self, width), _keys(others, width)
        order = np.argsort(theirs, kind="stable")
        place = np.searchsorted(theirs, mine, sorter=order).clip(max=len(theirs) - 1)
        return np.where(theirs[order[place]] == mine, order[place], -1)

    def unlike(self, row: int, others: "People") -> str:
        """What tells a person from all `others`, in words."""
        name = self.names[row]
        same = np.flatnonzero(others.names == name)
        if not len(same):
            return f"no image {name.decode()!r} is there"
        same = same[(others.picture[same] == self.picture[row]).all(1)]
        if not len(same):
            return f"{name.decode()!r} is another picture there"
        same = same[others.instance_id[same] == self.instance_id[row]]
        if not len(same):
            return f"nobody in {name.decode()!r} has this number there"
        return f"its box is {_shown(self.box[row])} here, {_shown(others.box[same[0]])} there"


def _shown(box: np.ndarray) -> str:
    return f"[{', '.join(f'{side:.9g}' for side in box)}]"


def _keys(people: People, width: int) -> np.ndarray:
    """One text of bytes (N,) a person, equal where the persons are; names padded to `width`."""
    joined = _joined(people, width)
    return joined.view(f"S{joined.shape[1]}")[:, 0]


def _joined(people: People, width: int = 0) -> np.ndarray:
    """All that a person is (N, ...), side by side as bytes."""
    missing = max(width - people.image.shape[1], 0)
    parts = [np.pad(people.image, ((0, 0), (0, missing)))]
    for array in (people.picture, people.instance_id, people.box):
        rows = np.ascontiguousarray(array).reshape(len(array), -1)
        parts.append(rows.view(np.uint8).reshape(len(array), -1))
    return np.ascontiguousarray(np.concatenate(parts, axis=1))
