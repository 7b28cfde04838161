from pathlib import Path

import numpy as np
import pytest
from tiny_store import fill

from posecache.stores.layout import ARRAYS
from posecache.stores.manifest import MANIFEST, verify


def test_verify_finds_every_flipped_byte(tmp_path: Path) -> None:
    fill(tmp_path)
    assert verify(tmp_path) == []
    rng = np.random.default_rng(0)
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file()):
        data = bytearray(path.read_bytes())
        for place in {0, len(data) - 1, *rng.integers(0, len(data), 5).tolist()}:
            changed = data.copy()
            changed[place] ^= int(rng.integers(1, 256))
            path.write_bytes(changed)
            problems = verify(tmp_path)
            assert len(problems) >= 1
            assert str(path) in problems[0]
        path.write_bytes(data)
    assert verify(tmp_path) == []


def test_verify_finds_what_is_missing_short_or_foreign(tmp_path: Path) -> None:
    fill(tmp_path)
    shard = tmp_path / ARRAYS / "value" / "c" / "1" / "0"
    data = shard.read_bytes()
    shard.unlink()
    assert verify(tmp_path) == [f"{shard}: no file, but {MANIFEST} says {len(data)} bytes"]
    shard.write_bytes(data[:-1])
    assert verify(tmp_path) == [f"{shard}: {len(data) - 1}, but {MANIFEST} says {len(data)} bytes"]
    shard.write_bytes(data)
    (tmp_path / "notes.txt").write_text("mine")
    assert verify(tmp_path) == [f"{tmp_path}/notes.txt: not part of the store"]
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(ValueError, match="not sealed"):
        verify(tmp_path)


@pytest.mark.parametrize("content", ["[]", "7", '{"shards": 3}', "[" * 100_000])
def test_verify_names_a_manifest_that_is_none(tmp_path: Path, content: str) -> None:
    fill(tmp_path)
    (tmp_path / MANIFEST).write_text(content)
    assert verify(tmp_path) == [f"{tmp_path / MANIFEST}: damaged"]
