"""Run a model over a sample set: results/logits/MODEL/SAMPLESET/.

Reads results/models/MODEL/ and results/samples/SAMPLESET/. A teacher's logits go to
train_student.py, a student's logits over a validation set to score.py.
"""

import argparse
from pathlib import Path

import yaml
from pydantic import ValidationError

from posecache import logits
from posecache.encodings import ENCODINGS
from posecache.stage import run_stage
from posecache.validation import explain
from posecache.views import Views


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a model")
    parser.add_argument("--samples", type=Path, required=True, help="folder of a sample store")
    parser.add_argument("--batch", type=int, default=64, help="crops a forward pass")
    parser.add_argument("--no-flip", action="store_true", help="leave the mirrored crop out")
    parser.add_argument("--encoding", choices=list(ENCODINGS), default="float16")
    parser.add_argument(
        "--views",
        type=yaml.safe_load,
        default={},
        help="YAML, the keys of posecache.views.Views; default: the upright crop",
    )
    parser.add_argument("--chunk-rows", type=int, default=64)
    parser.add_argument("--shard-rows", type=int, default=1024)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--job",
        type=int,
        nargs=2,
        metavar=("K", "N"),
        help="write the K-th of N shares of whole shards, from 0; seal_logits.py gathers them",
    )
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        views = Views.model_validate(arguments.views)
    except ValidationError as error:
        raise ValueError(explain(error, "views")) from None
    logits.cache(
        arguments.model,
        arguments.samples,
        arguments.out,
        logits.Settings(
            flip=not arguments.no_flip,
            encoding=arguments.encoding,
            views=views,
            chunk_rows=arguments.chunk_rows,
            shard_rows=arguments.shard_rows,
        ),
        batch=arguments.batch,
        device=arguments.device,
        threads=arguments.threads,
        job=arguments.job and tuple(arguments.job),
    )


if __name__ == "__main__":
    run_stage(main)
