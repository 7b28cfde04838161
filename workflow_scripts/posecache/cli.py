"""`posecache`: look after stores by hand. The workflow itself is run by `snakemake`."""

import argparse
import sys
from pathlib import Path

import posecache
from posecache.stage import run_command


def verify(arguments: argparse.Namespace) -> None:
    """Read every byte of stores; list changes since sealing, and exit with 1 if there are any."""
    from posecache import samples
    from posecache.stores import manifest

    problems = []
    for folder in arguments.stores:
        try:
            problems += manifest.verify(folder)
            if arguments.pictures:
                problems += samples.open(folder).changed_pictures()
        except (ValueError, OSError) as error:
            problems.append(str(error))
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(arguments.stores)} stores are whole")


def doctor(arguments: argparse.Namespace) -> None:
    """List what another version of posecache has made; nothing is made again for that alone."""
    from posecache import records

    found = records.by_other_code(arguments.results)
    own = f"this is posecache {posecache.__version__}, code {records.code()}"
    print("\n".join([*found, f"{len(found)} outputs made by another version; {own}"]))


def inspect(arguments: argparse.Namespace) -> None:
    """Show what a store holds, what it was made from and how."""
    from posecache.stores import inspection

    print(inspection.describe(arguments.store))


def check_live(arguments: argparse.Namespace) -> None:
    """Run the model again on random rows and compare; exit with 1 above the limit."""
    from posecache.logits import live

    found = live.check_live(
        arguments.store,
        arguments.model,
        arguments.samples,
        num_rows=arguments.rows,
        limit=arguments.limit,
        seed=arguments.seed,
        device=arguments.device,
        threads=arguments.threads,
    )
    print(f"KL(live || cached) = {found:.2e} nats a keypoint's axis")


def pack(arguments: argparse.Namespace) -> None:
    """Write a logit store as one file that can be handed on."""
    from posecache.logits import packing

    packing.pack(arguments.store, arguments.file, arguments.encoding)
    print(f"{arguments.file}: {arguments.file.stat().st_size} bytes")


def unpack(arguments: argparse.Namespace) -> None:
    """Make a logit store of a file that `pack` has written; every byte is compared."""
    from posecache.logits import packing

    packing.unpack(arguments.file, arguments.folder, arguments.skeleton)
    print(f"{arguments.folder} is whole")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="posecache", description=__doc__)
    top.add_argument("--version", action="version", version=f"posecache {posecache.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("verify", help=verify.__doc__)
    command.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    command.add_argument(
        "--pictures", action="store_true", help="of sample stores: read the pictures too"
    )
    command.set_defaults(run=verify)
    command = commands.add_parser("doctor", help=doctor.__doc__)
    command.add_argument("results", type=Path, metavar="FOLDER", help="of an experiment")
    command.set_defaults(run=doctor)
    command = commands.add_parser("inspect", help=inspect.__doc__)
    command.add_argument("store", type=Path, metavar="STORE")
    command.set_defaults(run=inspect)
    command = commands.add_parser("check-live", help=check_live.__doc__)
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("--model", type=Path, required=True, help="its folder")
    command.add_argument("--samples", type=Path, required=True, help="the sample store's folder")
    command.add_argument("--rows", type=int, default=64, help="how many are compared")
    command.add_argument("--limit", type=float, default=2e-3, help="nats a keypoint's axis")
    command.add_argument("--seed", type=int, default=0, help="of the rows that are chosen")
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    command.add_argument("--threads", type=int, default=1)
    command.set_defaults(run=check_live)
    command = commands.add_parser("pack", help=pack.__doc__)
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--encoding", metavar="NAME", help="another than its own, as compact")
    command.set_defaults(run=pack)
    command = commands.add_parser("unpack", help=unpack.__doc__)
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="that does not exist yet")
    command.add_argument(
        "--skeleton", metavar="YAML", help="the file that its skeleton's file is here"
    )
    command.set_defaults(run=unpack)
    return top


def main() -> None:
    arguments = parser().parse_args()
    run_command(lambda: arguments.run(arguments))
