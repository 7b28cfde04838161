"""Making a logit store: a model's SimCC logits over a sample set."""

import logging
import math
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from posecache import files, skeletons
from posecache.logits.framing import best_padding
from posecache.logits.layout import logit_layout
from posecache.logits.looking import forward
from posecache.logits.model_run import ModelRun
from posecache.logits.settings import BATCH, ENCODINGS, MERGES, Caching
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.progress import Bar
from posecache.samples.store import SampleStore
from posecache.samples.store import open as open_samples
from posecache.stores.writer import Writer

logger = logging.getLogger(__name__)
DEFAULTS = Caching()


def cache(
    model: Path,
    sample_folder: Path,
    folder: Path,
    settings: Caching = DEFAULTS,
    *,
    batch: int = BATCH,
    device: str = "cpu",
    threads: int = 1,
    job: tuple[int, int] | None = None,
) -> None:
    """Run the model of a folder over a sample set and store its logits; finished shards are kept.

    `job` (k, n) is the k-th of n jobs, from 0: it writes its own share of whole shards and leaves
    the sealing to `stores.seal`. Raises ValueError naming the model, the sample set and the
    row for logits that are not finite, for images that are missing or broken, and for a shard that
    another job is writing; nothing is sealed then. A model that no longer gives the logits of its
    golden crop is not run at all.
    """
    card = Card.load(model / CARD_FILE)
    store = open_samples(sample_folder)
    layout = logit_layout(
        store.n, card.skeleton, card.input_size, store.people.columns, settings, card.split_ratio,
        refined=card.refined,
    )  # fmt: skip
    own = None if job is None else job_shards(layout.shards, *job)
    identity = _identity(model, card, store, settings)
    looks = MERGES[settings.views.merge].most_looks(settings.views)
    batch = min(batch, store.n * looks)
    session = Session(model / MODEL_FILE, card, batch=batch, device=device, threads=threads)
    golden.check(model, session)
    about = _about(card, store, settings)
    framing = identity["framing"] = _framing(session, store, settings, threads)
    with closing(Writer(folder, layout, identity, about, own)) as writer:
        spans = list(map(layout.span, writer.missing))
        for start, stop in spans:
            store.check_pictures(start, stop)
        count = sum(stop - start for start, stop in spans)
        _plan(writer, count * looks * (1 + settings.flip), session)
        with Bar(count, "sample") as bar:
            _write(writer, ModelRun(
                session=session, store=store, layout=layout, settings=settings,
                framing=framing, threads=threads, bar=bar,
            ))  # fmt: skip
        if job is None:
            writer.seal()


def _framing(session: Session, store: SampleStore, settings: Caching, threads: int) -> float | None:
    """The padding at which the model sees the sample set best, if the looks depend on it."""
    if not MERGES[settings.views.merge].framings:
        return None
    run = forward(session, flip=settings.flip)
    found = best_padding(
        session.card, store, run, flip=settings.flip, batch=session.batch, threads=threads
    )
    logger.info("%s: seen best at %.3g of its boxes' sides", store.folder, found)
    return found


def _write(writer: Writer, run: ModelRun) -> None:
    """Fill the missing shards; one is written while the model runs over the next one's samples."""
    with ThreadPoolExecutor(1) as pool:
        written: Future[None] | None = None
        for shard in list(writer.missing):
            started = time.perf_counter()
            writer.claim(shard)
            columns, runtime = run.shard(shard)
            columns |= run.store.people.arrays(*run.layout.span(shard))
            if written is not None:
                written.result()
            runtime |= {"seconds_elapsed": time.perf_counter() - started}
            written = pool.submit(writer.write, shard, columns, {}, runtime)
        if written is not None:
            written.result()


def _plan(writer: Writer, passes: int, session: Session) -> None:
    """Log bytes, files and time of what is to be made; ValueError if the disk cannot hold it.

    `passes` crops go through the model, at most. Space is counted for all absent shards, including
    those of other jobs.
    """
    layout, folder = writer.layout, writer.folder
    needed = sum(layout.stored_rows(shard) for shard in writer.absent) * layout.row_bytes
    free = shutil.disk_usage(folder).free + writer.replaced
    seconds = session.seconds_a_batch() * math.ceil(passes / session.batch)
    rows = sum(stop - start for start, stop in map(layout.span, writer.missing))
    logger.info(
        "%s: %d samples to go: the store takes at most %.3g GB more, and %d files; the model alone "
        "at most %.3g min", folder, rows, needed / 1e9, layout.files, seconds / 60,
    )  # fmt: skip
    if needed > free:
        raise ValueError(
            f"{folder}: may need {needed / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB left"
        )


def job_shards(shards: int, job: int, jobs: int) -> range:
    """The shards of one of several jobs: a range, about as long as every other job's."""
    if not 0 <= job < jobs:
        raise ValueError(f"job {job} of {jobs}: expected 0 to {jobs - 1}")
    return range(job * shards // jobs, (job + 1) * shards // jobs)


def _about(card: Card, store: SampleStore, settings: Caching) -> dict[str, Any]:
    """What readers need to know about the model and the samples."""
    return {
        "model": card.name,
        "samples": store.folder.name,
        "annotations": store.identity["files"],
        "skeleton": card.skeleton,
        "input_size": list(card.input_size),
        "split_ratio": card.split_ratio,
        "beta": card.beta,
        "flip": settings.flip,
    }


def _identity(model: Path, card: Card, store: SampleStore, settings: Caching) -> dict[str, Any]:
    """What the logits' values depend on; ValueError if the card belongs to another model file."""
    found, skeleton = files.sha256(model / MODEL_FILE), skeletons.load(card.skeleton)
    if found != card.sha256:
        raise ValueError(f"{model / MODEL_FILE}: sha256 {found}, its card says {card.sha256}")
    return {
        "model": found,
        "keypoints": list(skeleton.keypoints),
        "flip_pairs": [list(pair) for pair in skeleton.flip_pairs],
        "heatmap": card.heatmap and card.heatmap.model_dump(mode="json"),
        "split_ratio": card.split_ratio,
        "beta": card.beta,
        "samples": store.people.digest,
        "labels": store.labels if settings.views.augmented else None,
        "padding": card.padding,
        "input_size": list(card.input_size),
        "crop_size": list(card.crop_size or card.input_size),
        "label_offset": list(card.label_offset),
        "color_order": card.color_order,
        "mean": list(card.mean),
        "std": list(card.std),
        "views": settings.views.model_dump(mode="json"),
        "merge": {"rule": settings.views.merge, **MERGES[settings.views.merge].constants},
        "flip": settings.flip,
        "encoding": settings.encoding,
        "levels": list(ENCODINGS[settings.encoding].levels),
    }
