"""Commands that look after stores: verify, inspect, check-live, pack, unpack."""

import argparse
import sys
from pathlib import Path

from posecache.commands.adding import Commands, add_command


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


def add(commands: Commands) -> None:
    """Add them to the command line."""
    command = add_command(commands, "verify", verify)
    command.add_argument("stores", type=Path, nargs="+", metavar="STORE")
    command.add_argument(
        "--pictures", action="store_true", help="of sample stores: read the pictures too"
    )
    command = add_command(commands, "inspect", inspect)
    command.add_argument("store", type=Path, metavar="STORE")
    _add_check_live(commands)
    command = add_command(commands, "pack", pack)
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--encoding", metavar="NAME", help="another than its own, as compact")
    command = add_command(commands, "unpack", unpack)
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="that does not exist yet")
    command.add_argument(
        "--skeleton", metavar="YAML", help="the file that its skeleton's file is here"
    )


def _add_check_live(commands: Commands) -> None:
    command = add_command(commands, "check-live", check_live)
    command.add_argument("store", type=Path, metavar="STORE")
    command.add_argument("--model", type=Path, required=True, help="its folder")
    command.add_argument("--samples", type=Path, required=True, help="the sample store's folder")
    command.add_argument("--rows", type=int, default=64, help="how many are compared")
    command.add_argument("--limit", type=float, default=2e-3, help="nats a keypoint's axis")
    command.add_argument("--seed", type=int, default=0, help="of the rows that are chosen")
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    command.add_argument("--threads", type=int, default=1)
