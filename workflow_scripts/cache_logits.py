"""Run a model over a sample set: results/logits/MODEL/SAMPLESET/.

Reads results/models/MODEL/ and results/samples/SAMPLESET/. A teacher's logits go to
train_student.py, a student's logits over a validation set to score.py.
"""

import argparse
from pathlib import Path

from posecache import logits
from posecache.stage import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a model")
    parser.add_argument("--samples", type=Path, required=True, help="folder of a sample store")
    parser.add_argument("--batch", type=int, default=64, help="crops a forward pass")
    parser.add_argument("--no-flip", action="store_true", help="leave the mirrored crop out")
    parser.add_argument("--dtype", choices=["float16", "float32"], default="float16")
    parser.add_argument("--chunk-rows", type=int, default=64)
    parser.add_argument("--shard-rows", type=int, default=4096)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    logits.cache(
        arguments.model,
        arguments.samples,
        arguments.out,
        batch=arguments.batch,
        flip=not arguments.no_flip,
        dtype=arguments.dtype,
        chunk_rows=arguments.chunk_rows,
        shard_rows=arguments.shard_rows,
        device=arguments.device,
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run_stage(main)
