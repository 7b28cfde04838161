"""Read an annotation file and write its sample store: results/samples/SAMPLESET/.

Training sets also get an enlarged crop around each person (--crops). cache_logits.py,
train_student.py and score.py read the store.
"""

import argparse
from pathlib import Path

from posecache import datasets, records, samples
from posecache.config.options import add_options, from_options, yaml_of
from posecache.datasets.settings import AnnotationFiles
from posecache.samples.settings import Crops, Expected
from posecache.stage import run_stage
from posecache.stores.settings import Cut


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, AnnotationFiles)
    add_options(parser, Cut)
    add_options(parser, Expected)
    parser.add_argument(
        "--crops",
        type=yaml_of(Crops),
        metavar="{size: PX, context: SHARE, quality: JPEG}",
        help="the enlarged crop that is stored for training; without it none is",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        annotations = datasets.read(from_options(arguments, AnnotationFiles).source())
        samples.check(annotations, from_options(arguments, Expected))
        samples.prepare(
            annotations,
            arguments.out,
            crops=arguments.crops,
            cut=from_options(arguments, Cut),
            threads=arguments.threads,
        )


if __name__ == "__main__":
    run_stage(main)
