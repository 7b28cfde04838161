import threading
from collections.abc import Iterator

import pytest

from posecache.threads import ahead, one_ahead, ranges


def test_ranges_follow_each_other_and_the_last_one_is_what_is_left() -> None:
    assert list(ranges(3, 10, 3)) == [range(3, 6), range(6, 9), range(9, 10)]
    assert list(ranges(0, 4, 4)) == [range(4)]
    assert list(ranges(5, 5, 3)) == []


def test_ahead_keeps_order_and_reads_no_further_than_its_threads() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            started.append(item)
        return item * item

    results = ahead(work, range(100), threads=2)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert max(started) <= 6
    assert list(results) == [i * i for i in range(3, 100)]


def test_ahead_raises_what_a_thread_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda item: 1 // item, [1, 0, 1], threads=2))


def test_one_ahead_gives_the_same_items_each_made_while_the_one_before_is_used() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            made.append(item)
            yield item

    found = one_ahead(items())
    assert next(found) == 0
    found_later = [next(found), next(found)]
    assert found_later == [1, 2]
    assert max(made) <= 4
    assert list(found) == list(range(3, 20))


def test_one_ahead_raises_what_its_items_raise() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    found = one_ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)
