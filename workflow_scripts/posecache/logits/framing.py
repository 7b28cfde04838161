"""At which padding a model sees a sample set best.

How people are framed is a property of a sample set: one dataset's boxes are tight, another's loose,
and a model that was trained on the one is a stranger in the other.
"""

from collections.abc import Generator

import numpy as np

from posecache.logits import views
from posecache.logits.looking import Forward, Group, completed, persons
from posecache.logits.person import Logits, Person
from posecache.logits.settings import GROUP
from posecache.models.card import Card
from posecache.samples.store import SampleStore
from posecache.threads import ranges

ROWS = 64  # persons who are looked at, evenly spaced over the set
FACTORS = tuple(1.25**step for step in range(-3, 5))  # of the card's padding
CLEARLY = 1.3  # how much higher a score must be for the card's padding to be left
FAIR = 0.5  # of the best score: what a padding must reach to be chosen


def best_padding(
    card: Card, store: SampleStore, forward: Forward, *, flip: bool, batch: int, threads: int = 1
) -> float:
    """The padding (crop sides over box sides) at which the model sees a sample set best.

    Scores fall where people are too large or too small for the model. Every job finds the same.
    """
    rows = np.unique(np.linspace(0, store.n - 1, min(ROWS, store.n)).round().astype(int))
    boxes, paddings = store.column("box")[rows], card.padding * np.array(FACTORS)
    looks = views.crops(card, boxes, [(padding, 0.0) for padding in paddings.tolist()])
    known = persons(card, boxes, looks, flip=flip)
    groups = (
        Group(rows=rows[own].tolist(), people=[known[n] for n in own], store=store, rule=_scores)
        for own in ranges(0, len(rows), GROUP)
    )
    seen = completed(groups, forward, batch=batch, threads=threads)
    scores = np.mean([score for group in seen for score in group.results.values()], axis=0)
    return card.padding * choose(scores)


def choose(scores: np.ndarray) -> float:
    """The factor of the card's padding, by the mean decoder's scores at each of `FACTORS`.

    It is 1 unless people are seen clearly better at another. A score over the padding is the peaks'
    height for an image px: the closest look wins of those whose scores are fair.
    """
    factors, best = np.array(FACTORS), scores.max()
    if not best > CLEARLY * max(scores[FACTORS.index(1.0)], 0):
        return 1.0
    return float(factors[np.argmax(np.where(scores >= FAIR * best, scores / factors, 0))])


def _scores(person: Person) -> Generator[np.ndarray, Logits, np.ndarray]:
    """The decoder's score (L,) of each look, mean over keypoints."""
    x, y = yield person.looks
    return np.minimum(x.max(-1), y.max(-1)).mean(-1, dtype=np.float64)
