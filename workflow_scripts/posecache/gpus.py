"""Which of a machine's GPUs a job uses: such as no other job of posecache is using.

A job holds a name in the kernel's table of sockets for each of its GPUs, so that whatever ends the
job frees them.
"""

import logging
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

VISIBLE = "CUDA_VISIBLE_DEVICES"
CHOSEN = (VISIBLE, "RANK")  # a scheduler, torchrun or the user has chosen
AGAIN = 1.0  # s until busy GPUs are looked at again

logger = logging.getLogger(__name__)


@contextmanager
def reserved(count: int, device: str) -> Iterator[None]:
    """Within the block CUDA shows `count` GPUs that no other job uses; waits until there are.

    To be entered before CUDA is initialised. Nothing is done for another device than cuda, where a
    scheduler, torchrun or the user has chosen, and where nvidia-smi lists nothing. Raises
    ValueError for more GPUs than the machine has.
    """
    if device != "cuda" or any(name in os.environ for name in CHOSEN) or not (found := listed()):
        yield
        return
    with ExitStack() as held:
        os.environ[VISIBLE] = ",".join(take(found, count, held))
        try:
            yield
        finally:
            del os.environ[VISIBLE]


def take(found: Sequence[str], count: int, held: ExitStack) -> list[str]:
    """Names of `count` of the GPUs that are `found`, for as long as `held` is open."""
    if count > len(found):
        raise ValueError(f"gpus: {count} processes, and this machine shows {len(found)} GPUs")
    told = False
    while len(own := _free(found, count, held)) < count:
        if not told:
            logger.info("waits for %d of %d GPUs, which other jobs use", count, len(found))
        told = True
        time.sleep(AGAIN)
    return own


def _free(found: Sequence[str], count: int, held: ExitStack) -> list[str]:
    """As many free GPUs as are wanted, or none: two jobs must not wait for each other's."""
    with ExitStack() as tried:
        own: list[str] = []
        for name in found:
            if len(own) < count and _claimed(name, tried):
                own.append(name)
        if len(own) == count:
            held.enter_context(tried.pop_all())
            return own
    return []


def _claimed(name: str, held: ExitStack) -> bool:
    """Whether a GPU was free; it is not any more."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0posecache/{name}")  # in no folder: it goes with the process
    except OSError:
        claim.close()
        return False
    held.enter_context(claim)
    return True


def listed() -> list[str]:
    """The UUIDs of the machine's GPUs, of a divided one those of its parts, as CUDA takes them."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    found: list[str] = re.findall(r"UUID: ((?:GPU|MIG)-[^)\s]+)", done.stdout)
    return [name for name in found if name.startswith("MIG")] or found
