"""Made-up people in real stores, as a training run reads them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cache_logits import make_samples
from posecache import logits, samples, skeletons
from posecache.contract import BETA, SPLIT_RATIO
from posecache.logits.settings import ENCODINGS
from posecache.logits.store import KIND
from posecache.samples import Crops
from posecache.stores.layout import Column, Layout
from posecache.stores.settings import Cut
from posecache.stores.writer import Writer
from posecache.training.stream import TrainingSet

Size = tuple[int, int]


def make_set(
    folder: Path, rows: int, crops: Crops, teachers: Mapping[str, tuple[str, Size]], threads: int
) -> TrainingSet:
    """Persons in drawn pictures, and random logits of teachers, given by skeleton and input."""
    store = samples.open(make_samples(folder, rows, crops, threads))
    for name, (skeleton, size) in teachers.items():
        make_logits(folder / name, rows, skeleton, size)
    return TrainingSet(
        samples=store, logits={name: logits.open(folder / name) for name in teachers}
    )


def make_logits(folder: Path, rows: int, skeleton: str, size: tuple[int, int]) -> None:
    """A sealed store of random logits, the same in each shard."""
    known, rng = skeletons.load(skeleton), np.random.default_rng(0)
    columns, cut = {"matrix": Column(shape=(1, 2, 3), dtype="float64")}, Cut()
    values = {"matrix": np.tile(np.eye(2, 3), (cut.shard_rows, 1, 1, 1))}
    for axis, side in zip(("simcc_x", "simcc_y"), size, strict=True):
        shape = (1, known.num_keypoints, int(SPLIT_RATIO * side))
        columns |= ENCODINGS["float16"].columns(axis, shape)
        values[axis] = rng.normal(0, 0.3, (cut.shard_rows, *shape)).astype(np.float16)
    about = {
        "model": "random", "skeleton": skeleton, "input_size": list(size), "beta": BETA,
        "split_ratio": SPLIT_RATIO, "flip": True,
    }  # fmt: skip
    layout = Layout(kind=KIND, num_rows=rows, columns=columns, **cut.model_dump())
    identity = {
        "encoding": "float16", "levels": [], "samples": "none", "model": skeleton,
        "label_offset": [0, 0], "keypoints": known.keypoints, "flip_pairs": known.flip_pairs,
    }  # fmt: skip
    writer = Writer(folder, layout, identity, about)
    for shard in list(writer.missing):
        start, stop = layout.span(shard)
        writer.write(shard, {n: column[: stop - start] for n, column in values.items()}, {})
    writer.seal()
