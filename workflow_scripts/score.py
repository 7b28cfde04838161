"""Score a model on a benchmark: results/scores/MODEL/BENCHMARK.json.

Reads the model's logits over the benchmark's sample set, that sample set, and for OKS its
annotation file; make_table.py reads the score.
"""

import argparse
from pathlib import Path

from posecache import files, logits, samples
from posecache.scores.benchmarks import Benchmark, evaluate
from posecache.stage import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmark", required=True, help="its name")
    parser.add_argument("--metric", choices=["oks", "pckh"], required=True)
    parser.add_argument("--shared-with", help="skeleton: only keypoints that it has too count")
    parser.add_argument("--nms", type=float, help="OKS above which people are merged")
    parser.add_argument("--no-rescore", action="store_true", help="score by the box alone")
    parser.add_argument("--logits", type=Path, required=True, help="folder of a logit store")
    parser.add_argument("--samples", type=Path, required=True, help="folder of its sample store")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    benchmark = Benchmark(
        name=arguments.benchmark,
        metric=arguments.metric,
        shared_with=arguments.shared_with,
        rescore=not arguments.no_rescore,
        nms=arguments.nms,
    )
    store = samples.open(arguments.samples)
    record = evaluate(benchmark, logits.open(arguments.logits, samples=store), store)
    files.write_json(arguments.out, record)


if __name__ == "__main__":
    run_stage(main)
