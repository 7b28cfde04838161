"""Reading a logit store by whole chunks, in sequence and in training order, beside others.

Writes a store of random float16 logits of a COCO teacher (17 keypoints, 192x256), reads it in one
process in turns, and prints MB/s and ratios to numpy.load of the same values and to zarr-python's
reads of single rows.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zarr

from posecache import logits
from posecache.encodings import ENCODINGS
from posecache.store import Column, Layout
from posecache.store_writer import Writer
from posecache.training.stream import shuffled_chunks

KEYPOINTS, BINS = 17, (384, 512)


def write(folder: Path, rows: int) -> None:
    """A sealed store, and the same values as two plain .npy files."""
    names = dict(zip(("simcc_x", "simcc_y"), BINS, strict=True))
    encoding, simcc = ENCODINGS["float16"], {}
    for name, bins in names.items():
        simcc |= encoding.columns(name, (1, KEYPOINTS, bins))
    layout = Layout(
        kind="logits",
        rows=rows,
        columns={
            **simcc,
            "matrix": Column(shape=(1, 2, 3), dtype="float64"),
        },
    )
    identity = {"encoding": "float16", "levels": [], "samples": "none"}
    about = {
        "model": "m", "skeleton": "coco17", "input_size": [192, 256], "split_ratio": 2.0,
        "flip": True,
    }  # fmt: skip
    writer, rng = Writer(folder / "store", layout, identity, about), np.random.default_rng(0)
    plain = {n: [] for n in names}  # type: ignore[var-annotated]
    for shard in list(writer.missing):
        start, stop = layout.span(shard)
        values = {
            n: rng.normal(0, 0.3, (stop - start, 1, KEYPOINTS, b)).astype(np.float16)
            for n, b in names.items()
        }
        writer.write(shard, {**values, "matrix": np.zeros((stop - start, 1, 2, 3))}, {})
        for name, value in values.items():
            plain[name].append(value)
    writer.seal()
    for name, parts in plain.items():
        np.save(folder / f"{name}.npy", np.concatenate(parts))


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--pipeline", help="zarr-python's codecs, as zarrs.ZarrsCodecPipeline")
    arguments = parser.parse_args()
    if arguments.pipeline:
        zarr.config.set({"codec_pipeline.path": arguments.pipeline})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, arguments.rows)
        compare(folder, arguments.rows, arguments.turns)


def compare(folder: Path, rows: int, turns: int) -> None:
    """Print the best of some turns of each way to read."""
    store = logits.open(folder / "store")
    group = zarr.open_group(folder / "store" / "arrays.zarr", mode="r")
    chunk = store.layout.chunk_rows
    order = [index for _, index in shuffled_chunks([-(-rows // chunk)], 0, 0)]
    few = np.random.default_rng(0).permutation(rows)[: min(rows, 256)].tolist()

    def load() -> None:
        for axis in ("simcc_x", "simcc_y"):
            np.load(folder / f"{axis}.npy")

    def chunks(indices: list[int]) -> None:
        for index in indices:
            store.read(slice(index * chunk, min((index + 1) * chunk, rows)))

    def by_zarr() -> None:
        for start in range(0, rows, chunk):
            for axis in ("simcc_x", "simcc_y"):
                np.asarray(group[axis][start : start + chunk])  # type: ignore[index]

    def single() -> None:
        for row in few:
            for axis in ("simcc_x", "simcc_y"):
                np.asarray(group[axis][row])  # type: ignore[index]

    size = KEYPOINTS * sum(BINS) * 2 / 1e6
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "numpy.load, uncompressed": (load, rows),
        "whole chunks in sequence": (lambda: chunks(sorted(order)), rows),
        "whole chunks in training order": (lambda: chunks(order), rows),
        "zarr-python, whole chunks in sequence": (by_zarr, rows),
        "zarr-python, one row at a time": (single, len(few)),
    }
    speed = {
        way: count * size / min(seconds(run) for _ in range(turns))
        for way, (run, count) in ways.items()
    }
    print("| | MB/s | of numpy.load | of one row at a time |\n|---|---|---|---|")
    first, *_, last = speed.values()
    for way, value in speed.items():
        print(f"| {way} | {value:.0f} | {value / first:.2f} | {value / last:.1f} |")


if __name__ == "__main__":
    main()
