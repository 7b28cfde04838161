"""Gather what several jobs of cache_logits.py have written: verify every shard, write the manifest.

Reads and writes results/logits/MODEL/SAMPLESET/; train_student.py and score.py read it then.
"""

import argparse
from pathlib import Path

from posecache import ledger
from posecache.stage import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the logit store")
    ledger.seal(parser.parse_args().out)


if __name__ == "__main__":
    run_stage(main)
