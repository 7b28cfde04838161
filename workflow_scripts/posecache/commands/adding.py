"""How a command is added to the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

DEFAULT = Path("config.yaml")  # the configuration that `snakemake` takes by itself
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    """A new command, whose help is its function's docstring, to be given its arguments."""
    command = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
    command.set_defaults(run=run)
    return command


def add_configuration(command: argparse.ArgumentParser) -> None:
    """Add the configuration that a command is about."""
    command.add_argument(
        "config", type=Path, nargs="?", default=DEFAULT, metavar="CONFIG",
        help="a configuration file (default: config.yaml)",
    )  # fmt: skip
