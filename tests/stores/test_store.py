from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_store import IDENTITY, content, fill, layout

from posecache import files
from posecache.stores.layout import ARRAYS
from posecache.stores.manifest import MANIFEST
from posecache.stores.store import Store
from posecache.stores.writer import Writer


@settings(max_examples=10)
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


def test_an_unsealed_store_is_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path, layout(), IDENTITY)
    writer.write(0, *content(layout(), 0))
    with pytest.raises(ValueError, match="not sealed"):
        Store(tmp_path, "test")


def test_a_store_of_another_kind_or_format_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(ValueError, match="holds test of format 6, expected logits of format 6"):
        Store(tmp_path, "logits")
    manifest = files.read_json(tmp_path / MANIFEST) | {"format": 99}
    files.write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(ValueError, match="holds test of format 99"):
        Store(tmp_path, "test")


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    manifest = files.read_json(tmp_path / MANIFEST) | {"num_rows": 9}
    files.write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(ValueError, match=r"manifest\.json: is not as it was sealed"):
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
