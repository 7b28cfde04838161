"""The logit store: a model's SimCC logits over a sample set, written by `cache`, read by training
and scoring.

Shapes: N samples, V views (one, the upright crop), K keypoints, Wx and Wy bins.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import zarr
from tqdm import tqdm

from posecache import crops, files, geometry, samples, skeletons
from posecache.inference import Session
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.samples import SampleStore
from posecache.store import Column, Layout, Store, Writer

KIND = "logits"
VIEWS = ["canonical"]

logger = logging.getLogger(__name__)


@dataclass
class Seconds:
    """Where the time went."""

    waiting: float = 0.0  # for decoded crops
    inference: float = 0.0
    writing: float = 0.0


def cache(
    model: Path,
    sample_folder: Path,
    folder: Path,
    *,
    batch: int = 64,
    flip: bool = True,
    dtype: str = "float16",
    chunk_rows: int = 64,
    shard_rows: int = 4096,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Run the model of a folder over a sample set and store its logits; finished shards stand.

    Raises ValueError naming the model, the sample set and the row for logits that are not finite,
    and for images that are missing or broken; nothing is sealed then. A model that does not give
    its golden crop's logits any more does not even start.
    """
    card = Card.load(model / CARD_FILE)
    store = samples.open(sample_folder)
    identity = _identity(model, card, store, flip, dtype)
    session = Session(model / MODEL_FILE, card, batch=batch, device=device, threads=threads)
    golden.check(model, session)
    writer = Writer(folder, _layout(card, store, dtype, chunk_rows, shard_rows), identity)
    seconds, started = Seconds(), time.perf_counter()
    missing = writer.missing
    rows = sum(stop - start for start, stop in map(writer.layout.span, missing))
    with tqdm(total=rows, unit="sample", mininterval=5) as bar:
        for shard in missing:
            start, stop = writer.layout.span(shard)
            columns = _run(session, store, start, stop, flip, dtype, threads, seconds, bar)
            before = time.perf_counter()
            writer.write(shard, columns, {})
            seconds.writing += time.perf_counter() - before
    total = time.perf_counter() - started
    runtime = {
        "provider": session.provider,
        "onnxruntime": onnxruntime.__version__,
        "zarr": zarr.__version__,
        "numpy": np.__version__,
        "rows": rows,
        "seconds": round(total, 3),
        "samples_per_s": round(rows / total, 1),
        "seconds_waiting": round(seconds.waiting, 3),
        "seconds_inference": round(seconds.inference, 3),
        "seconds_writing": round(seconds.writing, 3),
    }
    logger.info("%d samples, %s", rows, runtime)
    writer.seal(
        model=card.name,
        samples=str(sample_folder),
        skeleton=card.skeleton,
        input_size=card.input_size,
        split_ratio=card.split_ratio,
        flip=flip,
        runtime=runtime,
    )


def _identity(
    model: Path, card: Card, store: SampleStore, flip: bool, dtype: str
) -> dict[str, Any]:
    """What the logits' values depend on; ValueError if the card is of another model file."""
    found = files.sha256(model / MODEL_FILE)
    if found != card.sha256:
        raise ValueError(f"{model / MODEL_FILE}: sha256 {found}, its card says {card.sha256}")
    return {
        "model": found,
        "samples": store.fingerprint,
        "padding": card.padding,
        "input_size": list(card.input_size),
        "crop_size": list(card.crop_size or card.input_size),
        "color_order": card.color_order,
        "mean": list(card.mean),
        "std": list(card.std),
        "views": VIEWS,
        "flip": flip,
        "dtype": dtype,
    }


def _layout(card: Card, store: SampleStore, dtype: str, chunk_rows: int, shard_rows: int) -> Layout:
    views, keypoints = len(VIEWS), skeletons.load(card.skeleton).num_keypoints
    width, height = (int(side * card.split_ratio) for side in card.input_size)
    return Layout(
        kind=KIND,
        rows=store.n,
        columns={
            "simcc_x": Column(shape=(views, keypoints, width), dtype=dtype),
            "simcc_y": Column(shape=(views, keypoints, height), dtype=dtype),
            "matrix": Column(shape=(views, 2, 3), dtype="float64"),
        },
        chunk_rows=chunk_rows,
        shard_rows=shard_rows,
    )


def _run(
    session: Session,
    store: SampleStore,
    start: int,
    stop: int,
    flip: bool,
    dtype: str,
    threads: int,
    seconds: Seconds,
    bar: tqdm,
) -> dict[str, np.ndarray]:
    """The columns of rows start ... stop - 1; crops are cut ahead of the model."""
    card = session.card
    matrices = crop_matrices(card, store.column("box")[start:stop])

    def cut(rows: range) -> np.ndarray:
        return crops.crop_rows(
            [store.image_path(row) for row in rows],
            matrices[rows.start - start : rows.stop - start],
            card.input_size,
            [store.place(row) for row in rows],
        )

    parts: list[tuple[np.ndarray, np.ndarray]] = []
    ranges = list(crops.ranges(start, stop, session.batch))
    before = time.perf_counter()
    for rows, images in zip(ranges, crops.ahead(cut, ranges, threads=threads), strict=True):
        seconds.waiting += time.perf_counter() - before
        before = time.perf_counter()
        x, y = session.run_flipped(images) if flip else session.run(images)
        parts.append(_checked(session, store, rows, x.astype(dtype), y.astype(dtype)))
        bar.update(len(rows))
        seconds.inference += time.perf_counter() - before
        before = time.perf_counter()
    return {
        "simcc_x": np.concatenate([x for x, _ in parts])[:, None],
        "simcc_y": np.concatenate([y for _, y in parts])[:, None],
        "matrix": matrices[:, None],
    }


def crop_matrices(card: Card, boxes: np.ndarray) -> np.ndarray:
    """Matrices (N, 2, 3), image px to input px, of the crops around boxes (N, 4) xywh image px."""
    size = card.crop_size or card.input_size
    upright = geometry.box_matrices(boxes, size, card.padding)
    return geometry.compose(geometry.resize(size, card.input_size), upright).numpy()


def _checked(
    session: Session, store: SampleStore, rows: range, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The logits, all of them finite in the dtype that is stored."""
    finite = np.isfinite(x).all((1, 2)) & np.isfinite(y).all((1, 2))
    if not finite.all():
        row = rows[int(np.flatnonzero(~finite)[0])]
        raise ValueError(
            f"{session.path}: logits that are not finite (as {x.dtype}) over {store.place(row)}"
        )
    return x, y


class LogitStore(Store):
    """A sealed logit store."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KIND)
        self.model: str = self.manifest["model"]
        self.skeleton: str = self.manifest["skeleton"]
        self.input_size: tuple[int, int] = tuple(self.manifest["input_size"])
        self.split_ratio: float = self.manifest["split_ratio"]
        self.flip: bool = self.manifest["flip"]

    def read(self, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits x (B, V, K, Wx) and y (B, V, K, Wy), and the matrices (B, V, 2, 3).

        `rows` is a slice of step 1; whole chunks are the fastest. ValueError names the store where
        a value is not a number, which is what rows that were never written read as.
        """
        start, stop, step = rows.indices(self.n)
        assert step == 1, f"step {step}: chunks are read whole"
        x, y, matrix = (self.rows(n, start, stop) for n in ("simcc_x", "simcc_y", "matrix"))
        for values in (x, y, matrix):
            if np.isnan(values).any():
                raise ValueError(f"{self.folder}: rows {start} to {stop} hold NaN: damaged")
        return x, y, matrix


def open(folder: Path, *, samples: SampleStore | None = None) -> LogitStore:
    """Open a sealed logit store; ValueError if it is unsealed, damaged or of other `samples`."""
    store = LogitStore(folder)
    if samples is not None and store.identity["samples"] != samples.fingerprint:
        raise ValueError(
            f"{folder}: made from samples {store.identity['samples'][:12]}, "
            f"but {samples.folder} is {samples.fingerprint[:12]}: cache the logits again"
        )
    return store
