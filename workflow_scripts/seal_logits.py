"""Gather what several jobs of cache_logits.py have written: verify every shard, write the manifest.

Reads and writes results/logits/MODEL/SAMPLESET/; train_student.py and score.py then read it.
"""

import argparse
from pathlib import Path

from posecache import records
from posecache.stage import run_stage
from posecache.stores.seal import seal


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the logit store")
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        seal(arguments.out)


if __name__ == "__main__":
    run_stage(main)
