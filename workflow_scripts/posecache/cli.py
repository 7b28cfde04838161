"""`posecache`: look after stores by hand."""

import argparse
import sys
from pathlib import Path

from posecache import inspection, store
from posecache.stage import run_stage


def verify(arguments: argparse.Namespace) -> None:
    """Read every byte of stores; say what is not as it was sealed, and exit with 1 then."""
    problems = []
    for folder in arguments.stores:
        try:
            problems += store.verify(folder)
        except (ValueError, OSError) as error:
            problems.append(str(error))
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(arguments.stores)} stores are whole")


def inspect(arguments: argparse.Namespace) -> None:
    """Show what a store holds, what it was made from and how."""
    print(inspection.describe(arguments.store))


def check_live(arguments: argparse.Namespace) -> None:
    """Run the model again on random rows and compare; exit with 1 above the limit."""
    found = inspection.check_live(
        arguments.store,
        arguments.model,
        arguments.samples,
        rows=arguments.rows,
        limit=arguments.limit,
        seed=arguments.seed,
        device=arguments.device,
        threads=arguments.threads,
    )
    print(f"KL(live || cached) = {found:.2e} nats a keypoint's axis")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="posecache", description=__doc__)
    commands = top.add_subparsers(required=True)
    command = commands.add_parser("verify", help=verify.__doc__)
    command.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    command.set_defaults(run=verify)
    command = commands.add_parser("inspect", help=inspect.__doc__)
    command.add_argument("store", type=Path, metavar="STORE")
    command.set_defaults(run=inspect)
    command = commands.add_parser("check-live", help=check_live.__doc__)
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("--model", type=Path, required=True, help="its folder")
    command.add_argument("--samples", type=Path, required=True, help="the sample store's folder")
    command.add_argument("--rows", type=int, default=64)
    command.add_argument("--limit", type=float, default=1e-3, help="nats a keypoint's axis")
    command.add_argument("--seed", type=int, default=0, help="of the rows that are chosen")
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    command.add_argument("--threads", type=int, default=1)
    command.set_defaults(run=check_live)
    return top


def main() -> None:
    arguments = parser().parse_args()
    run_stage(lambda: arguments.run(arguments))
