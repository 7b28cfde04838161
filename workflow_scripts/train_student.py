"""Train a model from samples and cached logits: results/models/NAME/ (model.onnx, weights.pt, ...).

Reads results/samples/* and, for every teacher, its logits over each of them; no teacher is loaded.
With --validate-epochs, reads the benchmarks' sample sets and pictures too.
The model is then run by cache_logits.py like any other. SIGTERM and SIGUSR1 end a run with exit
code 75 once the step in hand is in a checkpoint; the same command goes on from there.
"""

import argparse
from pathlib import Path
from typing import get_args

import torch

from posecache import gpus, records
from posecache.config.options import add_options, from_options
from posecache.report.curves import Curves
from posecache.stage import run_stage, stop_signals
from posecache.training.launching import processes
from posecache.training.ranks import Ranks
from posecache.training.recipe import Learning, Recipe, Validating
from posecache.training.refusals import problems, untaught
from posecache.training.room import Wanted
from posecache.training.student import make_trainer, open_sets, train
from posecache.training.trainer import Trainer


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--samples", type=Path, nargs="+", required=True, help="sample stores")
    parser.add_argument(
        "--logits",
        type=of_teacher,
        nargs="+",
        default=[],
        metavar="TEACHER=FOLDER",
        help="each teacher's stores over them",
    )
    add_options(parser, Learning)
    parser.add_argument("--memory-mb", type=int, default=2000, help="for decoded samples")
    parser.add_argument(
        "--pictures", choices=get_args(Wanted), default="auto", help="where decoded crops lie"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--gpus", type=positive, default=1, help="processes that share the run, on cuda a GPU each"
    )
    parser.add_argument(
        "--compile", choices=["true", "false"], default="false", help="the network and the losses"
    )
    parser.add_argument("--threads", type=int, default=1, help="of all processes together")
    parser.add_argument("--out", type=Path, required=True)
    records.add_option(parser)
    add_options(parser, Recipe)
    add_options(parser, Validating)
    return parser


def of_teacher(text: str) -> tuple[str, Path]:
    """A teacher, and the folder of a store of its logits."""
    teacher, equals, folder = text.partition("=")
    if not (teacher and equals and folder):
        raise argparse.ArgumentTypeError(f"expected TEACHER=FOLDER, got {text!r}")
    return teacher, Path(folder)


def positive(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def main() -> None:
    arguments = options().parse_args()
    with gpus.reserved(arguments.gpus, arguments.device):
        run(arguments)


def run(arguments: argparse.Namespace) -> None:
    """Train as the command line says; ValueError where that cannot be."""
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: PyTorch finds no CUDA device; cpu says that a CPU will do")
    with (
        processes(arguments.gpus, arguments.device) as ranks,
        records.recorded(arguments.record if ranks.first else None),
    ):
        student = trainer(arguments, ranks)
        with stop_signals() as stops:
            train(arguments.name, student, stops)


def trainer(arguments: argparse.Namespace, ranks: Ranks) -> Trainer:
    """The run that the command line describes; ValueError for one that cannot be."""
    threads = max(1, arguments.threads // ranks.world)
    torch.set_num_threads(threads)
    learning, recipe = from_options(arguments, Learning), from_options(arguments, Recipe)
    for problem in problems(recipe, learning):
        raise ValueError(problem)
    teachers = [] if learning.distil is None else list(learning.distil.teachers)
    folders = {t: [folder for name, folder in arguments.logits if name == t] for t in teachers}
    sets = open_sets(arguments.samples, folders)
    unlabelled = [str(s.samples.folder) for s in sets if not s.samples.labelled]
    for problem in untaught(learning.distil, unlabelled):
        raise ValueError(problem)
    return make_trainer(
        sets,
        recipe,
        learning,
        arguments.out,
        memory_mb=arguments.memory_mb / ranks.world,
        device=arguments.device,
        threads=threads,
        ranks=ranks,
        validating=from_options(arguments, Validating),
        compiled=arguments.compile == "true",
        show=Curves(arguments.out, tensorboard=recipe.tensorboard).show,
        pictures=arguments.pictures,
    )


if __name__ == "__main__":
    run_stage(main)
