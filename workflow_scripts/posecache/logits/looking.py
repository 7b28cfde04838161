"""Looks of many persons fill the model's batches; threads cut crops and merge beside the model.

The order in which looks fill batches depends on the rows and on what the rules ask for, never on
how fast a thread is. Shapes: L looks, K keypoints, H x W input px.
"""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeAlias

import numpy as np

from posecache import skeletons
from posecache.logits import views
from posecache.logits.person import Logits, Person, Result, Rule
from posecache.logits.settings import MERGES, Caching
from posecache.models.card import Card
from posecache.models.session import Session
from posecache.samples.pictures import crop_rows
from posecache.samples.store import SampleStore
from posecache.threads import ahead

# Crops (B, H, W, 3) and their rows to logits.
Forward: TypeAlias = Callable[[np.ndarray, Sequence[int]], Logits]


@dataclass(kw_only=True)
class Group(Generic[Result]):
    """A few persons whose crops are cut together, until the rule has a result for each of them.

    Their pictures stay decoded in between if it may ask again.
    """

    rows: Sequence[int]
    people: Sequence[Person]
    store: SampleStore
    rule: Rule[Result]
    asks_again: bool = False  # whether the rule may
    results: dict[int, Result] = field(default_factory=dict)  # by row
    owners: list[int] = field(default_factory=list)  # (L,) the row of each look that is asked for
    crops: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))  # (L, H, W, 3)
    seconds_cutting: float = 0.0
    seconds_merging: float = 0.0

    def __post_init__(self) -> None:
        self._rules = dict(zip(self.rows, map(self.rule, self.people), strict=True))
        self._opened: dict[Path, np.ndarray] | None = {} if self.asks_again else None
        self._logits: list[Logits] = []

    def start(self) -> "Group[Result]":
        """Cut the first crops."""
        self._cut({row: next(rule) for row, rule in self._rules.items()})
        return self

    def answer(self, logits: Logits) -> bool:
        """Take the logits of the next looks; whether these were the last that are missing."""
        self._logits.append(logits)
        return sum(len(x) for x, *_ in self._logits) == len(self.owners)

    def go_on(self) -> "Group[Result]":
        """Hand the logits to the rules, and cut what they ask for now."""
        started = time.perf_counter()
        arrays = [np.concatenate(parts) for parts in zip(*self._logits, strict=True)]
        asked, first, self._logits = {}, 0, []
        for row, count in Counter(self.owners).items():
            own = slice(first, first + count)
            first = own.stop
            try:
                asked[row] = self._rules[row].send(tuple(array[own] for array in arrays))
            except StopIteration as done:
                self.results[row] = done.value
        self.seconds_merging += time.perf_counter() - started
        self._cut(asked)
        return self

    def _cut(self, asked: dict[int, np.ndarray]) -> None:
        started = time.perf_counter()
        self.owners = [row for row, matrices in asked.items() for _ in matrices]
        pictures = [self.store.picture(row) for row in self.owners]
        matrices = np.concatenate([*asked.values(), np.empty((0, 2, 3))])
        size = self.people[0].card.input_size
        self.crops = crop_rows(pictures, matrices, size, self._opened)
        if not asked:
            self._opened = None
        self.seconds_cutting += time.perf_counter() - started


class _Queue(Generic[Result]):
    """Looks that wait for the model, in order."""

    def __init__(self) -> None:
        self.count = 0
        # Groups, and the first look of each that still waits.
        self._parts: deque[tuple[Group[Result], int]] = deque()

    def add(self, group: Group[Result]) -> None:
        self._parts.append((group, 0))
        self.count += len(group.owners)

    def take(self, count: int) -> Iterator[tuple[Group[Result], slice]]:
        """The next `count` looks, or as many as there are."""
        left = min(count, self.count)
        self.count -= left
        while left:
            group, first = self._parts.popleft()
            stop = min(first + left, len(group.owners))
            if stop < len(group.owners):
                self._parts.appendleft((group, stop))
            left -= stop - first
            yield group, slice(first, stop)


def completed(
    groups: Iterable[Group[Result]],
    forward: Forward,
    *,
    batch: int,
    threads: int = 1,
    depth: int = 1,
) -> Iterator[Group[Result]]:
    """Each group, once there is a result for each of its persons; `depth` are opened in advance.

    `forward` maps crops (B, H, W, 3), at most `batch`, and their rows to logits.
    """
    opened = ahead(Group.start, groups, threads=threads, depth=depth)
    queue, answered = _Queue[Result](), deque[tuple[int, Future[Group[Result]]]]()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for number in itertools.count():
                for group in _ready(queue, opened, answered, number, batch):
                    if group.owners:
                        queue.add(group)
                    else:
                        yield group
                if not queue.count:
                    return
                for group in _run(list(queue.take(batch)), forward):
                    answered.append((number, pool.submit(group.go_on)))
        finally:
            for _, future in answered:
                future.cancel()


def _ready(
    queue: _Queue[Result],
    opened: Iterator[Group[Result]],
    answered: deque[tuple[int, Future[Group[Result]]]],
    number: int,
    batch: int,
) -> Iterator[Group[Result]]:
    """Groups that went on and groups that are new, until the queue holds a batch.

    Those that the last batch answered go on while this one runs, unless there is nothing else.
    """
    while answered and answered[0][0] < number - 1:
        yield answered.popleft()[1].result()
    while queue.count < batch and (group := next(opened, None)):
        yield group
    while queue.count < batch and answered:
        yield answered.popleft()[1].result()


def _run(parts: list[tuple[Group[Result], slice]], forward: Forward) -> Iterator[Group[Result]]:
    """Run the model over a batch; the groups that have all their answers now."""
    rows = [row for group, part in parts for row in group.owners[part]]
    logits = forward(np.concatenate([group.crops[part] for group, part in parts]), rows)
    first = 0
    for group, part in parts:
        own = slice(first, first + part.stop - part.start)
        first = own.stop
        if group.answer(tuple(array[own] for array in logits)):
            yield group


def forward(session: Session, *, flip: bool, keypoints: bool = False) -> Forward:
    """The model over crops, as it is cached; a refined one's own `keypoints` only if they are asked
    for."""
    run, arrays = session.run_flipped if flip else session.run, 3 if keypoints else 2
    return lambda crops, rows: run(crops)[:arrays]


def people(
    settings: Caching,
    card: Card,
    store: SampleStore,
    rows: slice,
    *,
    shard: int = 0,
    framing: float | None,
) -> list[Person]:
    """The persons of rows: of a whole shard, where augmented views are drawn.

    `framing` is what `best_padding` found, for rules whose looks depend on it.
    """
    boxes, framings = store.column("box")[rows], MERGES[settings.views.merge].framings
    if framings:
        assert framing is not None
        looks = views.crops(card, boxes, [(framing * factor, turn) for factor, turn in framings])
    else:
        skeleton, keypoints = skeletons.load(store.skeleton), store.keypoints[rows]
        looks = views.matrices(settings.views, card, boxes, keypoints, skeleton, shard)
    return persons(card, boxes, looks, flip=settings.flip)


def persons(card: Card, boxes: np.ndarray, looks: np.ndarray, *, flip: bool) -> list[Person]:
    """The persons of boxes (N, 4) with their first looks (N, L, 2, 3)."""
    upright = views.crops(card, boxes, [(card.padding, 0.0)])[:, 0]
    return [
        Person(card=card, flip=flip, box=box, looks=own, upright=usual)
        for box, own, usual in zip(boxes, looks, upright, strict=True)
    ]
