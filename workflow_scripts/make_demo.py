"""Render one split of the demo data in a real file format: pictures, then the annotation file.

prepare_samples.py reads it in the same way as downloaded data.
"""

import argparse
from pathlib import Path

from posecache import records
from posecache.config.options import add_options, from_options
from posecache.datasets.demo.files import write
from posecache.datasets.demo.settings import DemoSet
from posecache.stage import run_stage


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, DemoSet)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        write(arguments.out, from_options(arguments, DemoSet), arguments.threads)


if __name__ == "__main__":
    run_stage(main)
