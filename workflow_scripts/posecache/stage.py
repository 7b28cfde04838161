"""How every stage script runs: by which interpreter, and how it ends."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path


def use_own_interpreter() -> None:
    """Let `python` in a rule be the interpreter that runs this process.

    A rule's own environment (--sdm conda) puts itself in front again.
    """
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", "")])


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`; end a ValueError or OSError with one line and exit code 1."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
