from pathlib import Path

import pytest
from tiny_store import IDENTITY, bytes_of, content, fill, layout

from posecache import records
from posecache.stores import ledger
from posecache.stores.layout import ARRAYS
from posecache.stores.manifest import MANIFEST, verify
from posecache.stores.seal import seal
from posecache.stores.store import Store
from posecache.stores.writer import Writer


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


def test_a_sealed_store_that_is_taken_up_again_loses_no_shard(tmp_path: Path) -> None:
    fill(tmp_path)
    before = bytes_of(tmp_path)
    assert Writer(tmp_path, layout(), IDENTITY, {"note": "done"}).missing == []
    assert verify(tmp_path) == []
    assert fill(tmp_path) == []
    assert bytes_of(tmp_path) == before


def test_a_store_whose_manifest_was_removed_loses_no_shard(tmp_path: Path) -> None:
    """Snakemake removes a rule's output before it runs it again."""
    fill(tmp_path)
    before = bytes_of(tmp_path)
    for again in (lambda: seal(tmp_path), lambda: fill(tmp_path)):
        (tmp_path / MANIFEST).unlink()
        again()
        assert bytes_of(tmp_path) == before
    (tmp_path / MANIFEST).unlink()
    (tmp_path / ARRAYS / "number" / "c" / "1").write_bytes(b"torn")
    assert fill(tmp_path) == [1]
    assert bytes_of(tmp_path) == before


def test_what_stands_is_read_once_by_a_late_job(tmp_path: Path) -> None:
    """It is read before the job takes the store's lock; sealing reads everything again."""
    early = Writer(tmp_path, layout(), IDENTITY)
    early.write(0, *content(layout(), 0))
    late = Writer(tmp_path, layout(), IDENTITY)
    (tmp_path / ARRAYS / "number" / "c" / "0").write_bytes(b"torn")
    late.write(1, *content(layout(), 1))
    assert ledger.entry_path(tmp_path, 0).exists()
    early.write(2, *content(layout(), 2))
    with pytest.raises(ValueError, match=r"shards \[0\] are not written yet"):
        seal(tmp_path)


def test_a_damaged_shard_is_struck_off_before_another_is_written(tmp_path: Path) -> None:
    Writer(tmp_path, layout(), IDENTITY).write(0, *content(layout(), 0))
    (tmp_path / ARRAYS / "number" / "c" / "0").write_bytes(b"torn")
    late = Writer(tmp_path, layout(), IDENTITY)
    assert late.missing == [0, 1, 2]
    late.write(1, *content(layout(), 1))
    assert not ledger.entry_path(tmp_path, 0).exists()


def test_an_older_manifest_beside_a_plan_does_not_count(tmp_path: Path) -> None:
    """A workflow that puts back what it saved before a job that failed."""
    fill(tmp_path)
    saved, record = (tmp_path / MANIFEST).read_bytes(), records.path_of(tmp_path / MANIFEST)
    record.write_text("{}")
    Writer(tmp_path, layout(), {"model": "b"}).write(0, *content(layout(), 0))
    assert not record.exists()
    (tmp_path / MANIFEST).write_bytes(saved)
    for read in (lambda: Store(tmp_path, "test"), lambda: verify(tmp_path)):
        with pytest.raises(ValueError, match="not sealed: it is still being written"):
            read()


def test_no_lock_stays_where_nothing_was_written(tmp_path: Path) -> None:
    Writer(tmp_path, layout(), IDENTITY)
    assert list(tmp_path.iterdir()) == []
