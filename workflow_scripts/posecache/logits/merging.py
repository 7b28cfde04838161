"""Rules by which several looks at a person become what is stored.

A rule is a generator for one person: it yields matrices (L, 2, 3) of crops and is sent the model's
logits over them, perhaps several times, and returns logits and the matrices of their crops. A
person's numbers depend on nobody else, so how a run is divided into batches and jobs changes no
byte. Shapes: L looks, V views, K keypoints, Wx and Wy bins.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from posecache.logits.person import Carried, Logits, Person, Rule
from posecache.logits.settings import FRAMINGS, Views

# x (V, K, Wx), y (V, K, Wy) and the matrices (V, 2, 3) of their crops; where nothing is merged, a
# refined model's keypoints (V, K, 3), too.
Stored: TypeAlias = tuple[np.ndarray, ...]

POWER = 4  # of a look's score: how much more the better ones count
FLOOR = 20.0  # nats: no bin of a merged distribution is kept further below its peak


@dataclass(frozen=True)
class Merge:
    """A rule, and what is to be known of it before it runs."""

    rule: Rule[Stored]
    framings: tuple[tuple[float, float], ...] = ()
    """(factor, degrees) of the first looks, instead of those that the settings list: paddings as
    multiples of the one at which the model sees the sample set best (framing.py)."""
    further: int = 0  # looks that the rule may ask for after the first ones
    constants: Mapping[str, Any] = field(default_factory=dict)  # that its values depend on

    def first_looks(self, views: Views) -> int:
        """How many looks a person's first ones are."""
        return len(self.framings) or views.listed

    def most_looks(self, views: Views) -> int:
        """Crops a person that go through the model, at most."""
        return self.first_looks(views) + self.further


def _each(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    """Every look is stored as it is."""
    x, y, *keypoints = yield person.looks
    return x, y, person.looks, *keypoints


def _mean(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    """The mean of the looks' distributions."""
    logits = yield person.looks
    return merged(person, person.carry(person.looks, logits), torch.ones(len(person.looks)))


def _confident(person: Person) -> Generator[np.ndarray, Logits, Stored]:
    """The looks' mixture, in which the more confident ones count more."""
    logits = yield person.looks
    carried = person.carry(person.looks, logits)
    scores = carried.peak.amin(-1).mean(-1).clamp_min(0)
    return merged(person, carried, scores**POWER)


def merged(person: Person, carried: Carried, weights: Tensor) -> Stored:
    """The mixture of distributions in the upright crop, with `weights` (L,) or (L, K).

    Given that the keypoint lies inside the crop, a look counts as far as its mass does. Its logits
    log(p) / beta are shifted so that the peak is the looks' mean peak, in which mass outside the
    crop counts as 0: a shift changes no softmax, and the decoder's score means what it meant.
    """
    weights = weights.reshape(len(weights), -1).to(carried.mass)
    weights = torch.where(weights.sum(0) > 0, weights, 1.0)  # none counts more than another
    inside = weights * carried.mass
    peak = (inside[..., None] * carried.peak).sum(0) / weights.sum(0)[..., None]
    x = _logits(carried.prob_x, inside, peak[:, 0], person.card.beta)
    y = _logits(carried.prob_y, inside, peak[:, 1], person.card.beta)
    return x, y, person.upright[None]


def _logits(prob: Tensor, weights: Tensor, peak: Tensor, beta: float) -> np.ndarray:
    """Logits (1, K, W), float64, of the mixture of `prob` (L, K, W) by `weights` (L, K)."""
    mixed = (weights[..., None] * prob).sum(0).double()
    # All looks may see a keypoint outside the crop: then any place in it is as good.
    mixed = torch.where(mixed.sum(-1, keepdim=True) > 0, mixed, 1.0)
    nats = mixed.log()
    below = (nats - nats.amax(-1, keepdim=True)).clamp_min(-FLOOR)
    return (peak.double()[:, None] + below / beta)[None].numpy()


NONE = Merge(_each)
MEAN = Merge(_mean)
CONFIDENT = Merge(_confident, framings=FRAMINGS, constants={"framings": FRAMINGS, "power": POWER})
