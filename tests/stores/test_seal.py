from pathlib import Path

import numpy as np
import pytest
from tiny_store import IDENTITY, bytes_of, content, fill, killed, layout

import posecache
from posecache import files
from posecache.stores.layout import ARRAYS
from posecache.stores.manifest import LEDGER, MANIFEST
from posecache.stores.seal import seal
from posecache.stores.writer import Writer


def test_several_jobs_give_the_store_of_one(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    plan = layout()
    for own in ([2], [0, 1]):
        writer = Writer(tmp_path / "two", plan, IDENTITY, {"note": "done"}, own)
        assert writer.missing == own
        with pytest.raises(ValueError, match=r"not written yet|nothing was written"):
            seal(tmp_path / "two")
        for shard in own:
            writer.write(shard, *content(plan, shard))
    seal(tmp_path / "two")
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")


def test_the_manifest_tells_what_the_store_holds_and_what_made_it(tmp_path: Path) -> None:
    fill(tmp_path)
    manifest = files.read_json(tmp_path / MANIFEST)
    assert (manifest["kind"], manifest["num_rows"], manifest["note"]) == ("test", 10, "done")
    assert manifest["posecache"] == posecache.__version__
    assert manifest["identity"] == {"format": 6, "kind": "test", "model": "a"}
    assert len(manifest["runtime"]["by_shard"]) == len(manifest["shards"]) == 3


def test_sealing_finds_a_shard_that_was_damaged_meanwhile(tmp_path: Path) -> None:
    plan = layout()
    writer = Writer(tmp_path, plan, IDENTITY)
    for shard in range(3):
        writer.write(shard, *content(plan, shard))
    (tmp_path / ARRAYS / "number" / "c" / "1").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"shards \[1\] are not written yet"):
        writer.seal()
    assert Writer(tmp_path, plan, IDENTITY).missing == [1]


def test_killed_while_it_seals_again_a_store_loses_nothing(tmp_path: Path) -> None:
    plan, rng = layout(120), np.random.default_rng(1)
    fill(tmp_path, plan)
    whole = bytes_of(tmp_path)
    for _ in range(5):
        (tmp_path / MANIFEST).unlink()
        killed(tmp_path, plan, tmp_path / LEDGER, rng.uniform(0, 0.1))
        assert fill(tmp_path, plan) == []
        assert bytes_of(tmp_path) == whole
