"""Small stores for the tests of this folder, and for the processes that they start and kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from posecache.stores.layout import Column, Layout
from posecache.stores.manifest import MANIFEST, SEALED
from posecache.stores.writer import Writer

FOLDER = Path(__file__).parent
IDENTITY = {"model": "a"}
ABOUT = {"note": "done"}


def layout(num_rows: int = 10) -> Layout:
    columns = {"value": Column(shape=(3,)), "number": Column(dtype="int64")}
    return Layout(
        kind="test",
        num_rows=num_rows,
        columns=columns,
        ragged=("text",),
        chunk_rows=2,
        shard_rows=4,
    )


def content(plan: Layout, shard: int) -> tuple[dict[str, np.ndarray], dict[str, list[bytes]]]:
    start, stop = plan.span(shard)
    number = np.arange(start, stop)
    value = np.random.default_rng(shard).normal(size=(stop - start, 3)).astype(np.float32)
    return {"value": value, "number": number}, {"text": [b"x" * (int(n) + 1) for n in number]}


def fill(folder: Path, plan: Layout | None = None) -> list[int]:
    """Write and seal a store; returns the shards that were missing."""
    plan = plan or layout()
    writer = Writer(folder, plan, IDENTITY, ABOUT)
    missing = list(writer.missing)
    for shard in missing:
        writer.write(shard, *content(plan, shard))
    writer.seal()
    return missing


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file, the manifest without timings; checks that the manifest's copy is equal."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert (folder / SEALED).read_bytes() == (folder / MANIFEST).read_bytes()
    paths.remove(folder / SEALED)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    manifest = json.loads(found.pop(MANIFEST))
    record = {k: v for k, v in manifest.items() if k not in ("runtime", "digest")}
    return found | {MANIFEST: json.dumps(record).encode()}


def in_a_process(code: str) -> list[str]:
    """The command of a Python process that runs `code`, which may import this module."""
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n{code}"]


def killed(folder: Path, plan: Layout, sign: Path, after: float) -> bool:
    """Kill a writer `after` seconds after `sign` appears; returns whether it was still at work."""
    code = (
        "from pathlib import Path\nfrom tiny_store import fill, layout\n"
        f"fill(Path({str(folder)!r}), layout({plan.num_rows}))"
    )
    process = subprocess.Popen(in_a_process(code))
    while not sign.exists() and process.poll() is None:
        time.sleep(0.001)
    time.sleep(after)
    at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return at_work
