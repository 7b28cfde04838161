"""`posecache`: commands to be used by hand. The workflow itself is run by `snakemake`."""

import argparse

import posecache
from posecache.commands import doctor, plan, predict, stores, watch
from posecache.stage import run_command

# Modules, each with `add`, in the order of --help.
COMMANDS = (doctor, plan, watch, predict, stores)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="posecache", description=__doc__)
    top.add_argument("--version", action="version", version=f"posecache {posecache.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return top


def main() -> None:
    arguments = parser().parse_args()
    run_command(lambda: arguments.run(arguments))
