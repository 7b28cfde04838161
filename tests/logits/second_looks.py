"""A rule of merging that looks again, at most twice more, depending on what it saw."""

from collections.abc import Generator

import numpy as np
import torch

from posecache import geometry
from posecache.logits.merging import Merge, Stored, merged
from posecache.logits.person import Logits, Person

MIDDLE = np.array([8.0, 16.0])  # input px


def looks_again(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    """The listed crops; then as many of them, zoomed and turned, as the first logits say."""
    asked, x, y = person.looks, *(yield person.looks)
    for _ in range(2):
        count = int(1e4 * x[-1].max()) % 3
        if not count:
            break
        turn = geometry.crop_matrix(MIDDLE, MIDDLE * (2 + count / 4), 15 * count, (16, 32))
        again = geometry.compose(turn, person.looks[:1].repeat(count, 0)).numpy()
        more_x, more_y = yield again
        asked = np.concatenate([asked, again])
        x, y = np.concatenate([x, more_x]), np.concatenate([y, more_y])
    return merged(person, person.carry(asked, (x, y)), torch.ones(len(x)))


AGAIN = Merge(looks_again, further=4, constants={"turn": 15})
