"""Run a model over a sample set: results/logits/MODEL/SAMPLESET/.

Reads results/models/MODEL/ and results/samples/SAMPLESET/. A teacher's logits go to
train_student.py, a student's logits over a validation set to score.py.
"""

import argparse
from pathlib import Path

import torch

from posecache import gpus, logits, records
from posecache.config.options import add_options, from_options
from posecache.logits.settings import BATCH, Caching
from posecache.stage import run_stage


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a model")
    parser.add_argument("--samples", type=Path, required=True, help="folder of a sample store")
    add_options(parser, Caching)
    parser.add_argument("--batch", type=int, default=BATCH, help="crops per forward pass")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--job",
        type=int,
        nargs=2,
        metavar=("K", "N"),
        help="write the K-th of N shares of whole shards, from 0; seal_logits.py gathers them",
    )
    parser.add_argument("--out", type=Path, required=True)
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    torch.set_num_threads(1)  # predictions are merged by threads of our own, beside the model's
    with gpus.reserved(1, arguments.device), records.recorded(arguments.record):
        logits.cache(
            arguments.model,
            arguments.samples,
            arguments.out,
            from_options(arguments, Caching),
            batch=arguments.batch,
            device=arguments.device,
            threads=arguments.threads,
            job=arguments.job and tuple(arguments.job),
        )


if __name__ == "__main__":
    run_stage(main)
