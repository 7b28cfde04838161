"""Score a model on a benchmark: results/scores/MODEL/BENCHMARK.json.

Reads the model's logits over the benchmark's sample set, that sample set, and for OKS its
annotation file; make_table.py reads the score.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from posecache import files, logits, records, samples
from posecache.config.options import add_options, from_options
from posecache.scores.benchmarks import evaluate
from posecache.scores.settings import Measure
from posecache.stage import run_stage


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmark", required=True, help="its name")
    add_options(parser, Measure)
    parser.add_argument("--logits", type=Path, required=True, help="folder of a logit store")
    parser.add_argument("--samples", type=Path, required=True, help="folder of its sample store")
    parser.add_argument("--out", type=Path, required=True)
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        measure, store = from_options(arguments, Measure), samples.open(arguments.samples)
        opened = logits.open(arguments.logits, samples=store)
        score = evaluate(arguments.benchmark, measure, opened, store)
        files.write_json(arguments.out, score)
    logging.info("%s on %s: %s", score["model"], score["benchmark"], protocol(score))


def protocol(score: dict[str, Any]) -> str:
    """How a score was made, in one line."""
    told = {key: value for key, value in score["protocol"].items() if not isinstance(value, list)}
    return ", ".join(f"{key} {value}" for key, value in told.items())


if __name__ == "__main__":
    run_stage(main)
