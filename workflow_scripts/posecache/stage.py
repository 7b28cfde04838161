"""How every script and command runs: by which interpreter, and how it begins and ends."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import posecache

STDERR = 2
INTERRUPTED = 130  # the exit code of a process that Ctrl-C has ended
TO_BE_CONTINUED = 75  # sysexits.h: EX_TEMPFAIL, "the user is invited to retry"


class StoppedError(Exception):
    """A signal has stopped a stage whose next start goes on; the text says where."""


@contextmanager
def stop_signals() -> Iterator[Sequence[str]]:
    """Within the block SIGTERM and SIGUSR1 end nothing: they are listed by name as they come."""
    names: list[str] = []

    def note(number: int, _: object) -> None:
        names.append(signal.Signals(number).name)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield names
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def use_own_interpreter() -> None:
    """Let `python` in a rule be the interpreter that runs this process.

    A rule's own environment (--sdm conda) puts itself in front again.
    """
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", "")])


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's `main` as `run_command` does.

    A log begins with the script, the version and the date, as it may follow an earlier start's.
    """

    def stage() -> None:
        if not os.isatty(STDERR):
            script, version = Path(sys.argv[0]).name, posecache.__version__
            logging.info("%s, posecache %s, %s", script, version, datetime.now().date())
        main()

    run_command(stage)


def run_command(main: Callable[[], None]) -> None:
    """Run `main`; end a ValueError, OSError or MemoryError with one line and exit code 1.

    Ctrl-C is one line and exit code 130, a StoppedError one line and exit code 75.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except MemoryError as error:
        sys.exit(f"error: out of memory {error}".rstrip())
    except StoppedError as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        sys.exit(TO_BE_CONTINUED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
