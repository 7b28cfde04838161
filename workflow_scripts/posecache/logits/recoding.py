"""A logit store in another encoding, from its logits: no model is run."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from posecache.logits.encodings import Arrays, Encoding
from posecache.logits.settings import ENCODINGS
from posecache.logits.store import LogitStore
from posecache.stores.manifest import OWN
from posecache.stores.writer import Writer

AXES = ("simcc_x", "simcc_y")


def recode(source: Path, folder: Path, name: str) -> None:
    """Write a logit store anew in another encoding; its identity says what it was.

    ValueError for a store that is not sealed or damaged, and for an unknown encoding.
    """
    store, encoding = LogitStore(source), ENCODINGS[name]
    bins = {axis: store.layout.columns[axis].shape for axis in AXES}
    columns = {n: c for n, c in store.layout.columns.items() if not n.startswith(AXES)}
    for axis, shape in reversed(bins.items()):
        columns = {**encoding.columns(axis, shape), **columns}
    about = {key: value for key, value in store.manifest.items() if key not in OWN}
    layout = replace(store.layout, columns=columns)
    writer = Writer(folder, layout, _identity(store, name), about)
    for shard in list(writer.missing):
        started, (start, stop) = time.perf_counter(), layout.span(shard)
        arrays = _recoded(store, encoding, start, stop)
        seconds = time.perf_counter() - started
        writer.write(shard, arrays, {}, {"num_rows": stop - start, "seconds_recoding": seconds})
    writer.seal()


def _identity(store: LogitStore, encoding: str) -> Mapping[str, Any]:
    """What the store was made from, and by way of which encodings."""
    before = {"encoding": store.identity["encoding"], "fingerprint": store.fingerprint}
    return {
        **{key: value for key, value in store.identity.items() if key not in ("format", "kind")},
        "encoding": encoding,
        "levels": list(ENCODINGS[encoding].levels),
        "recoded_from": [*store.identity.get("recoded_from", []), before],
    }


def _recoded(store: LogitStore, encoding: Encoding, start: int, stop: int) -> Arrays:
    """The columns of rows start ... stop - 1."""
    x, y, _ = store.read(slice(start, stop))
    others = [name for name in store.layout.columns if not name.startswith(AXES)]
    arrays: Arrays = {name: store.rows(name, start, stop) for name in others}
    for axis, logits in zip(AXES, (x, y), strict=True):
        arrays |= encoding.encode(axis, logits.astype(np.float32))
    return arrays
