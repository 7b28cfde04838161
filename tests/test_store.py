import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from posecache import files
from posecache.store import ARRAYS, LEDGER, MANIFEST, Column, Layout, Store, Writer

IDENTITY = {"model": "a"}


def layout(rows: int = 10) -> Layout:
    columns = {"value": Column(shape=(3,)), "number": Column(dtype="int64")}
    return Layout(
        kind="test", rows=rows, columns=columns, ragged=("text",), chunk_rows=2, shard_rows=4
    )


def content(plan: Layout, shard: int) -> tuple[dict[str, np.ndarray], dict[str, list[bytes]]]:
    start, stop = plan.span(shard)
    number = np.arange(start, stop)
    value = np.random.default_rng(shard).normal(size=(stop - start, 3)).astype(np.float32)
    return {"value": value, "number": number}, {"text": [b"x" * (int(n) + 1) for n in number]}


def fill(folder: Path, plan: Layout | None = None, delay: float = 0.0) -> list[int]:
    """Write and seal a store; the shards that were missing."""
    plan = plan or layout()
    writer = Writer(folder, plan, IDENTITY)
    missing = writer.missing
    for shard in missing:
        writer.write(shard, *content(plan, shard))
        time.sleep(delay)
    writer.seal(note="done")
    return missing


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@settings(deadline=None, max_examples=10)
@given(rows=st.integers(1, 13))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: int) -> None:
    folder = tmp_path_factory.mktemp("store")
    fill(folder, layout(rows))
    store = Store(folder, "test")
    assert store.n == rows
    np.testing.assert_array_equal(store.rows("number", 0, rows), np.arange(rows))
    texts = store.ragged("text", 0, rows)
    assert [bytes(text) for text in texts] == [b"x" * (n + 1) for n in range(rows)]
    assert bytes(store.ragged("text", rows - 1, rows)[0]) == b"x" * rows


def test_another_zarr_reader_needs_nothing_of_ours(tmp_path: Path) -> None:
    fill(tmp_path)
    array = zarr.open_array(tmp_path / ARRAYS / "number", mode="r")
    np.testing.assert_array_equal(array[:], np.arange(10))


def test_an_unsealed_store_is_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path, layout(), IDENTITY)
    writer.write(0, *content(layout(), 0))
    with pytest.raises(ValueError, match="not sealed"):
        Store(tmp_path, "test")


def test_a_store_of_another_kind_or_format_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(ValueError, match="holds test of format 1, expected logits of format 1"):
        Store(tmp_path, "logits")
    manifest = files.read_json(tmp_path / MANIFEST) | {"format": 99}
    files.write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(ValueError, match="holds test of format 99"):
        Store(tmp_path, "test")


def test_a_missing_or_short_shard_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path)
    shard = tmp_path / ARRAYS / "value" / "c" / "1" / "0"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(ValueError, match="the store is damaged"):
        Store(tmp_path, "test")
    shard.unlink()
    with pytest.raises(ValueError, match="no file, but"):
        Store(tmp_path, "test")


def test_a_flipped_byte_is_found_when_it_is_read(tmp_path: Path) -> None:
    fill(tmp_path)
    shard = tmp_path / ARRAYS / "value" / "c" / "0" / "0"
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        Store(tmp_path, "test").rows("value", 0, 4)


def test_finished_shards_stand_and_damaged_ones_are_written_again(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    fill(whole)
    folder = tmp_path / "store"
    writer = Writer(folder, layout(), IDENTITY)
    for shard in (0, 2):
        writer.write(shard, *content(layout(), shard))
    assert Writer(folder, layout(), IDENTITY).missing == [1]
    (folder / ARRAYS / "number" / "c" / "2").write_bytes(b"torn")
    assert fill(folder) == [1, 2]
    assert Store(folder, "test").fingerprint == Store(whole, "test").fingerprint


def test_another_identity_begins_anew(tmp_path: Path) -> None:
    fill(tmp_path)
    assert Writer(tmp_path, layout(), {"model": "b"}).missing == [0, 1, 2]
    with pytest.raises(ValueError, match="not sealed"):
        Store(tmp_path, "test")


def test_a_torn_ledger_line_loses_only_its_shard(tmp_path: Path) -> None:
    fill(tmp_path)
    ledger = tmp_path / LEDGER
    ledger.write_text(ledger.read_text()[:-20])
    assert Writer(tmp_path, layout(), IDENTITY).missing == [2]


def test_kill_9_loses_at_most_the_shard_in_hand(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    fill(whole, layout(40))
    folder = tmp_path / "killed"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\nfrom test_store import fill, layout\n"
        f"fill(Path({str(folder)!r}), layout(40), delay=0.05)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    ledger = folder / LEDGER
    while not ledger.exists() or len(ledger.read_text().splitlines()) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len([json.loads(line) for line in ledger.read_text().splitlines()[1:]])
    assert not (folder / MANIFEST).exists()
    assert fill(folder, layout(40)) == list(range(finished, 10))
    ours, theirs = bytes_of(folder), bytes_of(whole)
    assert {k: v for k, v in ours.items() if ".partial" not in k} == theirs


def test_file_count_is_bounded_by_shards(tmp_path: Path) -> None:
    fill(tmp_path)
    shards, arrays = 3, 3 + 1
    assert len(bytes_of(tmp_path)) <= shards * (arrays + 1) + arrays + 4


def test_rows_must_fill_whole_chunks() -> None:
    with pytest.raises(ValueError, match="shard rows 5: expected a multiple of chunk rows 2"):
        Layout(kind="x", rows=1, columns={}, chunk_rows=2, shard_rows=5)
