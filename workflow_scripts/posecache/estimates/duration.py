"""How long a run takes from beginning to end."""

from collections.abc import Collection, Mapping
from heapq import heappop, heappush

from posecache.config.stages import Job


def duration(jobs: Collection[Job], seconds: Mapping[str, float], workers: int) -> float:
    """Seconds until all `jobs` are done, each after those whose outputs it reads, by `workers` that
    take a job at a time: always the one on which the longest chain of others waits.

    `jobs` stand in an order in which they can run; `seconds` are by output.
    """
    parts = {job.output: {p.output for p in (*job.upstream, *job.beside)} & seconds.keys()
             for job in jobs}  # fmt: skip
    chains = _chains(parts, seconds)
    waiting, now = dict(parts), 0.0
    running: list[tuple[float, str]] = []
    done: set[str] = set()
    while waiting or running:
        ready = sorted((o for o in waiting if waiting[o] <= done), key=chains.__getitem__)
        while ready and len(running) < workers:
            output = ready.pop()
            del waiting[output]
            heappush(running, (now + seconds[output], output))
        now, output = heappop(running)
        done.add(output)
    return now


def _chains(parts: Mapping[str, set[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of the longest chain of jobs that begins with each."""
    chains = dict.fromkeys(parts, 0.0)
    for output in reversed(list(parts)):
        chains[output] += seconds[output]
        for part in parts[output]:
            chains[part] = max(chains[part], chains[output])
    return chains
