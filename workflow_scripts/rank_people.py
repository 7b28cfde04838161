"""Rank a sample set's people by how much models and labels disagree about them.

Reads results/samples/SAMPLESET/ and the models' logits over it; no model is loaded. Writes
results/active_learning/SAMPLESET.csv, and beside it a contact sheet of the first ones, .jpg.
"""

import argparse
import logging
from pathlib import Path

from posecache import records
from posecache.config.options import add_options, from_options
from posecache.labelling import ranking, sheet
from posecache.labelling.opinions import Opinions, open_caches
from posecache.labelling.settings import Ranking
from posecache.stage import run_stage


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, required=True, help="folder of a sample store")
    parser.add_argument("--models", nargs="+", required=True, help="their names")
    parser.add_argument(
        "--logits", type=Path, nargs="+", required=True, help="folder of each one's logits over it"
    )
    add_options(parser, Ranking)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the CSV; .jpg lies beside it")
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        rank(arguments)


def rank(arguments: argparse.Namespace) -> None:
    """Write both files, the CSV last."""
    settings = from_options(arguments, Ranking)
    store, opened = open_caches(arguments.samples, arguments.models, arguments.logits)
    opinions = Opinions.of(store, opened)
    labels = ranking.labels_of(store, opinions)
    found = ranking.parts(opinions, labels, store.column("area"), ranking.entropy(opened))
    first = found.order[: settings.sheet].tolist()
    pictures = arguments.out.with_suffix(".jpg")
    sheet.write(pictures, store, opinions, labels, first, arguments.threads)
    ranking.write(arguments.out, store, opinions, found)
    logging.info("%s: %d people, %d on the sheet", arguments.out, store.n, len(first))


if __name__ == "__main__":
    run_stage(main)
