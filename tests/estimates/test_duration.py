"""How long jobs take that wait for each other."""

from posecache.config.stages import Job
from posecache.config.things import Thing
from posecache.estimates.duration import duration


def job(name: str, *upstream: Job) -> Job:
    return Job("rule", name, Thing("model", (name,), ""), upstream)


def test_a_chain_and_jobs_beside_it() -> None:
    """a, then b (3 s each); c and d (2 s each) wait for nothing."""
    a, c, d = job("a"), job("c"), job("d")
    b = job("b", a)
    seconds = {"a": 3.0, "b": 3.0, "c": 2.0, "d": 2.0}
    jobs = [c, d, a, b]
    assert duration(jobs, seconds, 1) == 10.0
    # The chain goes first: a and c, then b and d.
    assert duration(jobs, seconds, 2) == 6.0
    assert duration(jobs, seconds, 9) == 6.0
    assert duration([], {}, 3) == 0.0


def test_what_stands_is_not_waited_for() -> None:
    stands = job("stands")
    assert duration([job("a", stands)], {"a": 4.0}, 1) == 4.0
