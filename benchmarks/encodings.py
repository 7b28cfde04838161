"""What each encoding of the logit cache costs: bytes per sample, KL, arg-max moves, reading.

Runs a teacher once over a sample set, writes its logits in every encoding, and compares what is
read back. Prints a Markdown table.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from posecache import logits
from posecache.config.options import yaml_of
from posecache.logits import Views
from posecache.logits.live import divergence
from posecache.logits.settings import ENCODINGS


def stored_bytes(store: logits.LogitStore) -> int:
    """Bytes of the logits' own files, without matrices and metadata."""
    files = [item for shard in store.manifest["shards"] for item in shard.items()]
    return sum(facts["bytes"] for name, facts in files if "/simcc_" in name)


def rows_a_second(store: logits.LogitStore, turns: int = 5) -> float:
    """Rows read and decoded per second, chunk by chunk: the best of several turns."""
    chunk, found = store.layout.chunk_rows, []
    for _ in range(turns):
        started = time.perf_counter()
        for start in range(0, store.n, chunk):
            store.read(slice(start, min(start + chunk, store.n)))
        found.append(store.n / (time.perf_counter() - started))
    return max(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", type=Path, default=Path("results/models/teacher-coco"))
    parser.add_argument("--samples", type=Path, default=Path("results/samples/coco-val"))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--views", type=yaml_of(Views), default=Views(), help="YAML, such as {merge: confident}"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        stores = {}
        for encoding in ENCODINGS:
            folder = Path(name) / encoding
            how = logits.Caching(encoding=encoding, views=arguments.views)
            logits.cache(arguments.teacher, arguments.samples, folder, how, batch=arguments.batch)
            stores[encoding] = logits.open(folder)
        report(stores)


def report(stores: dict[str, logits.LogitStore]) -> None:
    exact = stores["float32"]
    truth = exact.read(slice(0, exact.n))[:2]
    half = stored_bytes(stores["float16"])
    print(f"{exact.n} samples, {truth[0].shape[2]} keypoints, "
          f"{truth[0].shape[3]} + {truth[1].shape[3]} bins")  # fmt: skip
    print("| encoding | bytes a sample | of float16 | KL, mean | KL, largest | arg-max moved | "
          "by at most, bins | rows/s read |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name, store in stores.items():
        kept = store.read(slice(0, store.n))[:2]
        pairs = list(zip(truth, kept, strict=True))
        kl = np.concatenate([divergence(a, b).ravel() for a, b in pairs])
        moves = np.concatenate([np.abs(a.argmax(-1) - b.argmax(-1)).ravel() for a, b in pairs])
        size, speed = stored_bytes(store), rows_a_second(store)
        print(f"| {name} | {size / store.n:.0f} | {size / half:.2f} | {kl.mean():.1e} | "
              f"{kl.max():.1e} | "
              f"{(moves > 0).mean():.2%} | {moves.max()} | {speed:.0f} |")  # fmt: skip


if __name__ == "__main__":
    main()
