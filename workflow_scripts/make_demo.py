"""Render one split of the demo data in a real file format: pictures, then the annotation file.

prepare_samples.py reads it as it reads downloaded data.
"""

import argparse
from pathlib import Path

from posecache.datasets.synthetic_files import ANNOTATIONS, write
from posecache.stage import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=sorted(ANNOTATIONS), required=True)
    parser.add_argument("--split", required=True, help="name of the folder of pictures")
    parser.add_argument("--images", type=int, required=True, help="number of pictures")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    write(
        arguments.out,
        dataset=arguments.dataset,
        split=arguments.split,
        images=arguments.images,
        seed=arguments.seed,
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run_stage(main)
