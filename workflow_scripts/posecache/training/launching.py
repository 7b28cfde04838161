"""How a training run's processes begin and end.

The process that a user or a rule starts is the first one. It starts the others with its own command
line, writes whatever is written, and its exit code is the run's. Under `torchrun`, or wherever RANK
and WORLD_SIZE are set, a process is one of those that were started there.
"""

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from signal import Signals

import torch

from posecache.stage import TO_BE_CONTINUED
from posecache.training.ranks import LOST, LostError, Ranks, joined

MEETING = "POSECACHE_MEETING"  # where the processes meet that the first one starts
GRACE = 10.0  # s, for the first process to see that another one has ended
WELL = (0, TO_BE_CONTINUED)  # exit codes


@contextmanager
def processes(count: int, device: str) -> Iterator[Ranks]:
    """Within the block this is one of a run's processes, with a GPU of its own if `device` is cuda.

    Raises ValueError where another process fails, and for more processes than GPUs.
    """
    world = int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1
    group: AbstractContextManager[Ranks] = nullcontext(Ranks())
    if world > 1:
        group = _member(count, world, device)
    elif count > 1:
        group = _first(count, device)
    with group as ranks:
        yield ranks


@contextmanager
def _member(count: int, world: int, device: str) -> Iterator[Ranks]:
    """One of the processes that something else has started."""
    rank = int(os.environ["RANK"])
    if count not in (1, world):
        raise ValueError(f"gpus: {count}, and the environment says WORLD_SIZE={world}")
    if MEETING in os.environ:
        threading.Thread(target=_end_with_the_first, daemon=True).start()
    if rank > 0:
        logging.disable(logging.WARNING)  # what concerns all, the first one says
    _take_gpu(int(os.environ.get("LOCAL_RANK", rank)), device)
    with joined(rank, world, device, os.environ.get(MEETING, "env://")) as ranks:
        yield ranks


def _end_with_the_first() -> None:
    """Its end closes the pipe, however it ends."""
    sys.stdin.buffer.read()
    os._exit(1)


@contextmanager
def _first(count: int, device: str) -> Iterator[Ranks]:
    """The first process, with the others; none of them outlives it."""
    for number in (count - 1, 0):
        _take_gpu(number, device)
    with tempfile.TemporaryDirectory() as folder, Others(count, Path(folder)) as others:
        try:
            with joined(0, count, device, others.meeting) as ranks:
                yield ranks
        except LostError as error:
            raise ValueError(others.why() or str(error)) from None


def _take_gpu(number: int, device: str) -> None:
    """Let "cuda" be one of the machine's GPUs."""
    if device == "cuda":
        if number >= (found := torch.cuda.device_count()):
            raise ValueError(f"gpus: {number + 1} processes, and this machine shows {found} GPUs")
        torch.cuda.set_device(number)


class Others:
    """All processes but the first one. What they say is kept, for the case that one fails."""

    def __init__(self, count: int, folder: Path) -> None:
        """`folder` is empty, and on this machine."""
        self.count, self.folder = count, folder
        self.meeting = f"file://{folder / 'meeting'}"
        self.started: dict[int, subprocess.Popen[bytes]] = {}
        self._over = threading.Event()

    def __enter__(self) -> "Others":
        for rank in range(1, self.count):
            self.started[rank] = self._start(rank)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for process in self.started.values():
            with process:
                process.kill()

    def _start(self, rank: int) -> subprocess.Popen[bytes]:
        """A process with this one's command line, whose standard input ends when this one does."""
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(self.count)}
        with self._told(rank).open("wb") as told:
            return subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]],
                stdin=subprocess.PIPE,
                stderr=told,
                env=os.environ | place | {MEETING: self.meeting},
            )

    def _told(self, rank: int) -> Path:
        return self.folder / f"{rank}.log"

    def _watch(self) -> None:
        """End the first process where it does not see itself that another one has failed: it may
        wait for that one's GPU."""
        while not self._over.wait(0.2):
            if self._failed() and not self._over.wait(GRACE):
                print(f"error: {self.why() or LOST}", file=sys.stderr, flush=True)
                os._exit(1)

    def _failed(self) -> dict[int, int]:
        """The exit codes of the processes that have failed."""
        codes = {rank: process.poll() or 0 for rank, process in self.started.items()}
        return {rank: code for rank, code in codes.items() if code not in WELL}

    def why(self) -> str | None:
        """The reason of the process that has failed first; waits for a while until one has."""
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            for rank, code in self._failed().items():
                if LOST not in (reason := self._reason(rank, code)):
                    return f"process {rank} of {self.count}: {reason}"
            time.sleep(0.05)
        return None

    def _reason(self, rank: int, code: int) -> str:
        """What a failed process has said last."""
        if code < 0:
            return f"ended by {Signals(-code).name}"
        told = self._told(rank).read_text()
        if "Traceback" in told:
            sys.stderr.write(told)
        return ["nothing", *told.split("\n")[:-1]][-1].removeprefix("error: ")
