"""The logit store: a model's SimCC logits over a sample set, written by `cache`, read by training
and scoring.

Shapes: N samples, V views (views.py), K keypoints, Wx and Wy bins.
"""

import logging
import math
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from posecache import files, samples, skeletons
from posecache.encodings import ENCODINGS, Encoding
from posecache.inference import Session
from posecache.model_run import ModelRun
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.samples import SampleStore
from posecache.store import Column, Layout, Store
from posecache.store_writer import Writer
from posecache.views import Views

KIND = "logits"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How logits are made and laid out."""

    flip: bool = True  # mean of the crop's and the mirrored crop's logits
    encoding: str = "float16"
    views: Views = field(default_factory=Views)
    chunk_rows: int = 64
    shard_rows: int = 1024


DEFAULTS = Settings()


def cache(
    model: Path,
    sample_folder: Path,
    folder: Path,
    settings: Settings = DEFAULTS,
    *,
    batch: int = 64,
    device: str = "cpu",
    threads: int = 1,
    job: tuple[int, int] | None = None,
) -> None:
    """Run the model of a folder over a sample set and store its logits; finished shards stand.

    `job` (k, n) is the k-th of n jobs, from 0: it writes its own share of whole shards and leaves
    the sealing to `ledger.seal`. Raises ValueError naming the model, the sample set and the
    row for logits that are not finite, for images that are missing or broken, and for a shard that
    another job is writing; nothing is sealed then. A model that does not give its golden crop's
    logits any more does not even start.
    """
    card = Card.load(model / CARD_FILE)
    store = samples.open(sample_folder)
    layout = _layout(card, store, settings)
    own = None if job is None else job_shards(layout.shards, *job)
    identity = _identity(model, card, store, settings)
    batch = min(batch, store.n * settings.views.count)
    session = Session(model / MODEL_FILE, card, batch=batch, device=device, threads=threads)
    golden.check(model, session)
    about = _about(card, sample_folder, settings)
    with closing(Writer(folder, layout, identity, about, own)) as writer:
        rows = sum(stop - start for start, stop in map(layout.span, writer.missing))
        _plan(writer, rows, session, settings)
        with tqdm(total=rows, unit="sample", mininterval=5) as bar:
            _write(writer, ModelRun(
                session=session, store=store, layout=layout, views=settings.views,
                flip=settings.flip, encoding=ENCODINGS[settings.encoding], threads=threads, bar=bar,
            ))  # fmt: skip
        if job is None:
            writer.seal()


def _write(writer: Writer, run: ModelRun) -> None:
    """Fill the missing shards; one is written while the model runs over the next one's samples."""
    with ThreadPoolExecutor(1) as pool:
        written: Future[None] | None = None
        for shard in list(writer.missing):
            started = time.perf_counter()
            writer.claim(shard)
            columns, runtime = run.shard(shard)
            if written is not None:
                written.result()
            runtime |= {"seconds_elapsed": time.perf_counter() - started}
            written = pool.submit(writer.write, shard, columns, {}, runtime)
        if written is not None:
            written.result()


def _plan(writer: Writer, rows: int, session: Session, settings: Settings) -> None:
    """Log bytes, files and time of what is to be made; ValueError if the disk cannot hold it.

    Room is counted for all shards that are absent, those of other jobs too.
    """
    layout, folder = writer.layout, writer.folder
    needed = sum(layout.stored_rows(shard) for shard in writer.absent) * layout.row_bytes
    free = shutil.disk_usage(folder).free + writer.replaced
    passes = math.ceil(rows * settings.views.count / session.batch) * (1 + settings.flip)
    seconds = session.seconds_a_batch() * passes
    logger.info(
        "%s: %d samples to go: the store takes at most %.3g GB more, and %d files; the model alone "
        "about %.3g min", folder, rows, needed / 1e9, layout.files, seconds / 60,
    )  # fmt: skip
    if needed > free:
        raise ValueError(
            f"{folder}: may need {needed / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB left"
        )


def job_shards(shards: int, job: int, jobs: int) -> range:
    """The shards of one of several jobs: a range, all of them of about one length."""
    if not 0 <= job < jobs:
        raise ValueError(f"job {job} of {jobs}: expected 0 to {jobs - 1}")
    return range(job * shards // jobs, (job + 1) * shards // jobs)


def _about(card: Card, sample_folder: Path, settings: Settings) -> dict[str, Any]:
    """What readers need to know of the model."""
    return {
        "model": card.name,
        "samples": str(sample_folder),
        "skeleton": card.skeleton,
        "input_size": list(card.input_size),
        "split_ratio": card.split_ratio,
        "flip": settings.flip,
    }


def _identity(model: Path, card: Card, store: SampleStore, settings: Settings) -> dict[str, Any]:
    """What the logits' values depend on; ValueError if the card is of another model file."""
    found, skeleton = files.sha256(model / MODEL_FILE), skeletons.load(card.skeleton)
    if found != card.sha256:
        raise ValueError(f"{model / MODEL_FILE}: sha256 {found}, its card says {card.sha256}")
    return {
        "model": found,
        "keypoints": list(skeleton.keypoints),
        "flip_pairs": [list(pair) for pair in skeleton.flip_pairs],
        "split_ratio": card.split_ratio,
        "samples": store.fingerprint,
        "padding": card.padding,
        "input_size": list(card.input_size),
        "crop_size": list(card.crop_size or card.input_size),
        "color_order": card.color_order,
        "mean": list(card.mean),
        "std": list(card.std),
        "views": settings.views.model_dump(mode="json"),
        "flip": settings.flip,
        "encoding": settings.encoding,
        "levels": list(ENCODINGS[settings.encoding].levels),
    }


def _layout(card: Card, store: SampleStore, settings: Settings) -> Layout:
    views, keypoints = settings.views.count, skeletons.load(card.skeleton).num_keypoints
    width, height = (int(side * card.split_ratio) for side in card.input_size)
    encoding = ENCODINGS[settings.encoding]
    return Layout(
        kind=KIND,
        rows=store.n,
        columns={
            **encoding.columns("simcc_x", (views, keypoints, width)),
            **encoding.columns("simcc_y", (views, keypoints, height)),
            "matrix": Column(shape=(views, 2, 3), dtype="float64"),
        },
        chunk_rows=settings.chunk_rows,
        shard_rows=settings.shard_rows,
    )


class LogitStore(Store):
    """A sealed logit store."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KIND)
        self.model: str = self.manifest["model"]
        self.skeleton: str = self.manifest["skeleton"]
        self.input_size: tuple[int, int] = tuple(self.manifest["input_size"])
        self.split_ratio: float = self.manifest["split_ratio"]
        self.flip: bool = self.manifest["flip"]
        self.encoding = _encoding(folder, self.identity)

    def read(self, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits x (B, V, K, Wx) and y (B, V, K, Wy), and the matrices (B, V, 2, 3).

        `rows` is a slice of step 1; whole chunks are the fastest. ValueError names the chunk that
        is damaged or was never written.
        """
        start, stop, step = rows.indices(self.n)
        assert step == 1, f"step {step}: chunks are read whole"
        x, y = (self._axis(name, start, stop) for name in ("simcc_x", "simcc_y"))
        matrix = self.column("matrix")[start:stop]
        return x, y, matrix

    def _axis(self, name: str, start: int, stop: int) -> np.ndarray:
        """One axis' logits, decoded."""
        kept = [n for n in self.layout.columns if n.startswith(name)]
        return self.encoding.decode(name, {n: self.rows(n, start, stop) for n in kept})


def _encoding(folder: Path, identity: Mapping[str, Any]) -> Encoding:
    """The encoding that a store names; ValueError if this version's is another."""
    encoding = ENCODINGS.get(identity["encoding"])
    if encoding is None or list(encoding.levels) != identity["levels"]:
        raise ValueError(f"{folder}: unknown encoding {identity['encoding']}: cache it again")
    return encoding


def open(folder: Path, *, samples: SampleStore | None = None) -> LogitStore:
    """Open a sealed logit store; ValueError if it is unsealed, damaged or of other `samples`."""
    store = LogitStore(folder)
    if samples is not None and store.identity["samples"] != samples.fingerprint:
        raise ValueError(
            f"{folder}: made from samples {store.identity['samples'][:12]}, "
            f"but {samples.folder} is {samples.fingerprint[:12]}: cache the logits again"
        )
    return store
