"""Work done by threads ahead of its use, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from typing import TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")


def ranges(start: int, stop: int, size: int) -> Iterator[range]:
    """Consecutive ranges of at most `size` rows."""
    return (range(a, min(a + size, stop)) for a in range(start, stop, size))


def ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    depth: int | None = None,
) -> Iterator[Result]:
    """`function` of each item, in order, computed by threads `depth` items ahead of their use: as
    many as there are threads, unless told otherwise."""
    depth = threads if depth is None else depth
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each of which a thread makes while the one before is used."""
    end = object()
    for item in ahead(lambda _: next(items, end), repeat(None), threads=1):
        if item is end:
            return
        yield cast(Item, item)
