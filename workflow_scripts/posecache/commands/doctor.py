"""The command doctor."""

import argparse
from pathlib import Path

import posecache
from posecache.commands.adding import Commands, add_command


def doctor(arguments: argparse.Namespace) -> None:
    """List what another version of posecache has made; nothing is made again for that alone."""
    from posecache import records

    found = records.by_other_code(arguments.results)
    own = f"this is posecache {posecache.__version__}, code {records.code()}"
    print("\n".join([*found, f"{len(found)} outputs made by another version; {own}"]))


def add(commands: Commands) -> None:
    """Add it to the command line."""
    command = add_command(commands, "doctor", doctor)
    command.add_argument("results", type=Path, metavar="FOLDER", help="of an experiment")
