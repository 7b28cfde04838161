"""Where the time goes that makes batches: reading, decoding, or putting rows together."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

CROPS, LOGITS, BATCHES = "crops", "logits", "batches"


class Costs:
    """Seconds of the work on crops, logits and batches, summed over the threads that do it."""

    def __init__(self, threads: int) -> None:
        """`threads` read crops and logits side by side."""
        self.threads = threads
        self.seconds = dict.fromkeys((CROPS, LOGITS, BATCHES), 0.0)
        self.computing = dict.fromkeys(self.seconds, 0.0)  # of these, the processor's
        self._lock = Lock()

    @contextmanager
    def of(self, work: str) -> Iterator[None]:
        """Count the block as one of CROPS, LOGITS and BATCHES."""
        since, computing = time.perf_counter(), time.thread_time()
        yield
        with self._lock:
            self.seconds[work] += time.perf_counter() - since
            self.computing[work] += time.thread_time() - computing

    @property
    def most(self) -> str:
        """What batches wait for longest. Time that is not computing is the disk's, or another
        process' on the same core."""
        found = {"putting their rows together": self.seconds[BATCHES]}
        for work in (CROPS, LOGITS):
            computing = self.computing[work] / self.threads
            found[f"decoding {work}"] = computing
            found[f"reading {work} from disk"] = self.seconds[work] / self.threads - computing
        return max(found, key=lambda name: found[name])
