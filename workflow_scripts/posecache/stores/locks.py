"""Locks between the jobs that write one store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def locked(path: Path, mode: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock within a `with` block; its last holder removes its file."""
    handle = lock(path, mode)
    try:
        yield
    finally:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:  # another job holds it too
            pass
        handle.close()


def lock(path: Path, mode: int = fcntl.LOCK_EX) -> IO[str]:
    """Take a lock, which the system drops when its holder closes it or dies.

    With LOCK_NB in `mode`, raises ValueError where another job holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = path.open("w")
        try:
            fcntl.flock(handle, mode)
        except BlockingIOError:
            handle.close()
            raise ValueError(f"{path}: another job is writing this shard") from None
        if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
            return handle
        handle.close()  # the file was removed before we locked it, so it locks nothing
