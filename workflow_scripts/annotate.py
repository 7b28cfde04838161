"""Extend a sample set's annotations by models' predictions: results/annotations/NAME.json.

Reads results/samples/SAMPLESET/ and the models' logits over it; no model is loaded. The file is in
COCO's format, and can be a sample set of another run.
"""

import argparse
import logging
from pathlib import Path

from posecache import records
from posecache.config.options import add_options, from_options
from posecache.labelling import annotating
from posecache.labelling.opinions import Opinions, open_caches
from posecache.labelling.settings import Annotating
from posecache.stage import run_stage


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, required=True, help="folder of a sample store")
    parser.add_argument("--models", nargs="+", required=True, help="their names")
    parser.add_argument(
        "--logits", type=Path, nargs="+", required=True, help="folder of each one's logits over it"
    )
    add_options(parser, Annotating)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        settings = from_options(arguments, Annotating)
        store, opened = open_caches(arguments.samples, arguments.models, arguments.logits)
        extended = annotating.Extended(store, Opinions.of(store, opened), settings)
        added = annotating.write(arguments.out, extended, arguments.threads)
    logging.info("%s: %d people, %d keypoints added", arguments.out, store.n, added)


if __name__ == "__main__":
    run_stage(main)
