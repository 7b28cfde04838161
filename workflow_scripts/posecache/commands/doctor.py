"""The command doctor."""

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from posecache.commands.adding import DEFAULT, Commands, add_command, add_configuration

if TYPE_CHECKING:
    from posecache.doctor.finding import Finding


def doctor(arguments: argparse.Namespace) -> None:
    """Look for what would make a run fail, here and in what it reads; exit with 1 if it would."""
    if arguments.others:
        _others(arguments.config)
        return
    logging.getLogger("posecache").setLevel(logging.ERROR)
    failed = [_shown(finding) for finding in _found(arguments.config)].count("FAIL")
    if failed:
        sys.exit(f"{failed} checks failed: a run would not reach its end")


def _found(config: Path) -> Iterator["Finding"]:
    """All findings; only of libraries, if one cannot even be imported."""
    from posecache.doctor import libraries

    missing = list(libraries.examine())
    yield from missing
    if not missing:
        from posecache.doctor import examination

        alone = config == DEFAULT and not DEFAULT.exists()
        yield from examination.of_machine() if alone else examination.of_experiment(config)


def _shown(finding: "Finding") -> str:
    """Print a line, below it what is to be done; returns the level."""
    print(f"{finding.level:<4}  {finding.what:<13} {finding.found}", flush=True)
    if finding.todo:
        print(f"{'':<19} -> {finding.todo}", flush=True)
    return finding.level


def _others(config: Path) -> None:
    """List what another version of posecache has made; nothing is made again for that alone."""
    from posecache.config.places import open_experiment
    from posecache.doctor.results import others

    print("\n".join(others(open_experiment([config], {}).roots)))


def add(commands: Commands) -> None:
    """Add it to the command line."""
    command = add_command(commands, "doctor", doctor)
    add_configuration(command)
    command.add_argument(
        "--others", action="store_true", help="only list outputs that another version has made"
    )
