"""Reading a logit store by whole chunks, in sequence and in training order, and in other ways.

Writes a store of random float16 logits of a COCO teacher (17 keypoints, 192x256), reads it in one
process in turns, and prints MB/s and ratios to numpy.load of the same values and to zarr-python's
reads of single rows. TensorStore is measured too where it is installed.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from posecache import logits, skeletons
from posecache.contract import BETA, SPLIT_RATIO
from posecache.logits.settings import ENCODINGS
from posecache.logits.store import KIND
from posecache.stores.layout import Column, Layout
from posecache.stores.settings import Cut
from posecache.stores.writer import Writer
from posecache.training.stream import shuffled_chunks

AXES, KEYPOINTS, BINS = ("simcc_x", "simcc_y"), 17, (384, 512)


def layout_of(rows: int) -> Layout:
    """The layout that `logits.cache` gives a COCO teacher's store."""
    columns = {"matrix": Column(shape=(1, 2, 3), dtype="float64")}
    for axis, bins in zip(AXES, BINS, strict=True):
        columns |= ENCODINGS["float16"].columns(axis, (1, KEYPOINTS, bins))
    return Layout(kind=KIND, num_rows=rows, columns=columns, **Cut().model_dump())


def write(folder: Path, rows: int) -> None:
    """A sealed store, and the same values as two plain .npy files."""
    layout, rng = layout_of(rows), np.random.default_rng(0)
    skeleton = skeletons.load("coco17")
    identity = {
        "encoding": "float16", "levels": [], "samples": "none", "label_offset": [0, 0],
        "keypoints": skeleton.keypoints, "flip_pairs": skeleton.flip_pairs,
    }  # fmt: skip
    about = {
        "model": "m", "skeleton": skeleton.name, "input_size": [192, 256],
        "split_ratio": SPLIT_RATIO, "beta": BETA, "flip": True,
    }  # fmt: skip
    values: dict[str, np.ndarray] = {
        axis: rng.normal(0, 0.3, (rows, 1, KEYPOINTS, bins)).astype(np.float16)
        for axis, bins in zip(AXES, BINS, strict=True)
    }
    values["matrix"] = np.zeros((rows, 1, 2, 3))
    writer = Writer(folder / "store", layout, identity, about)
    for shard in list(writer.missing):
        start, stop = layout.span(shard)
        writer.write(shard, {name: column[start:stop] for name, column in values.items()}, {})
    writer.seal()
    for axis in AXES:
        np.save(folder / f"{axis}.npy", values[axis])


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


def tensorstore_arrays(path: Path) -> list[Any]:
    """The logits as TensorStore opens them; none where it is not installed."""
    if find_spec("tensorstore") is None:
        return []
    tensorstore = import_module("tensorstore")
    specs = [
        {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / axis)}}
        for axis in AXES
    ]
    return [tensorstore.open(spec).result() for spec in specs]


def ways(folder: Path, rows: int) -> dict[str, tuple[Callable[[], object], int]]:
    """Each way to read, and how many rows it reads."""
    store = logits.open(folder / "store")
    chunk = store.layout.chunk_rows
    order = [index for _, index in shuffled_chunks([-(-rows // chunk)], 0, 0)]
    few = np.random.default_rng(0).permutation(rows)[: min(rows, 256)].tolist()
    group = zarr.open_group(folder / "store" / "arrays.zarr", mode="r")
    arrays = [group[axis] for axis in AXES]
    others = tensorstore_arrays(folder / "store" / "arrays.zarr")

    def spans(indices: list[int]) -> Iterator[slice]:
        return (slice(i * chunk, min((i + 1) * chunk, rows)) for i in indices)

    def load() -> None:
        for axis in AXES:
            np.load(folder / f"{axis}.npy")

    def chunks(indices: list[int]) -> None:
        for span in spans(indices):
            store.read(span)

    def by_zarr(keys: Iterable[slice | int]) -> None:
        for key in keys:
            for array in arrays:
                np.asarray(array[key])  # type: ignore[index]

    def by_tensorstore() -> None:
        for span in spans(sorted(order)):
            for part in [array[span].read() for array in others]:
                part.result()

    found: dict[str, tuple[Callable[[], object], int]] = {
        "numpy.load, uncompressed": (load, rows),
        "whole chunks in sequence": (lambda: chunks(sorted(order)), rows),
        "whole chunks in training order": (lambda: chunks(order), rows),
        "zarr-python, whole chunks in sequence": (lambda: by_zarr(spans(sorted(order))), rows),
    }
    if others:
        found["tensorstore, whole chunks in sequence"] = (by_tensorstore, rows)
    return found | {"zarr-python, one row at a time": (lambda: by_zarr(few), len(few))}


def compare(folder: Path, rows: int, turns: int) -> None:
    """Print the best of several turns of each way to read."""
    size = KEYPOINTS * sum(BINS) * 2 / 1e6
    speed = {
        way: count * size / min(seconds(run) for _ in range(turns))
        for way, (run, count) in ways(folder, rows).items()
    }
    print("| | MB/s | of numpy.load | of one row at a time |\n|---|---|---|---|")
    first, *_, last = speed.values()
    for way, value in speed.items():
        print(f"| {way} | {value:.0f} | {value / first:.2f} | {value / last:.1f} |")


if __name__ == "__main__":
    main()
