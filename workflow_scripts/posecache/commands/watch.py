"""The command watch."""

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path
from shutil import get_terminal_size

from posecache.commands.adding import Commands, add_command

SOON, LATER = 2.0, 60.0  # s between two pictures: on a terminal, and elsewhere
AGAIN = "\x1b[H\x1b[J"  # to a terminal: from the top, and nothing below


def watch(arguments: argparse.Namespace) -> None:
    """Show jobs at work, a line each, from the logs below folders of results."""
    from posecache.report.jobs import jobs
    from posecache.report.watching import picture

    for folder in arguments.results:
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder")
    live = sys.stdout.isatty() and not arguments.once
    with suppress(KeyboardInterrupt):
        while True:
            lines = picture(jobs(arguments.results))
            if live:
                width, height = get_terminal_size()
                lines = [line[: width - 1] for line in lines[-(height - 1) :]]
            print(AGAIN * live + "\n".join(lines), flush=True)
            if arguments.once:
                return
            time.sleep(SOON if live else LATER)


def add(commands: Commands) -> None:
    """Add it to the command line."""
    command = add_command(commands, "watch", watch)
    command.add_argument(
        "results", type=Path, nargs="*", default=[Path("results")], metavar="RESULTS",
        help="folders of experiments, by default results",
    )  # fmt: skip
    command.add_argument("--once", action="store_true", help="show it once")
