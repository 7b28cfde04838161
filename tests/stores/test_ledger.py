from pathlib import Path

from tiny_store import IDENTITY, bytes_of, content, fill, layout

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
