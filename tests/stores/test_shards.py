from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec

from posecache.stores import shards
from posecache.stores.shards import Chunks

SHARD, ROWS = 6, 10  # the second shard holds four rows, its last chunk none


def written(folder: Path, values: np.ndarray, packed: bool) -> tuple[zarr.Array, Chunks]:
    """An array that zarr-python wrote, with shards of three chunks of two rows."""
    codecs = [*([BloscCodec(cname="zstd")] if packed else []), Crc32cCodec()]
    array = zarr.create_array(
        folder,
        shape=values.shape,
        dtype=values.dtype,
        chunks=(2, *values.shape[1:]),
        shards=(SHARD, *values.shape[1:]),
        compressors=codecs,
        fill_value=7,
    )
    array[:] = values
    return array, Chunks(rows=2, count=3, shape=values.shape[1:], dtype=values.dtype, packed=packed)


def read(path: Path, chunks: Chunks, start: int, stop: int) -> np.ndarray:
    out = np.empty((stop - start, *chunks.shape), chunks.dtype)
    shards.read(path, chunks, start, out)
    return out


def file(folder: Path, shard: int, axes: int = 2) -> Path:
    return folder.joinpath("c", str(shard), *["0"] * (axes - 1))


@settings(max_examples=40)
@given(
    packed=st.booleans(),
    dtype=st.sampled_from(["float16", "float32", "uint8", "int64"]),
    shape=st.sampled_from([(), (3,), (2, 1, 4)]),
    span=st.tuples(st.integers(0, SHARD), st.integers(0, SHARD)).map(sorted),
)
def test_rows_are_those_that_zarr_python_wrote(
    tmp_path_factory: pytest.TempPathFactory,
    packed: bool,
    dtype: str,
    shape: tuple[int, ...],
    span: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("array")
    values = np.random.default_rng(0).normal(9, 5, (ROWS, *shape)).astype(dtype)
    _, chunks = written(folder, values, packed)
    start, stop = span
    found = read(file(folder, 0, values.ndim), chunks, start, stop)
    np.testing.assert_array_equal(found, values[start:stop])
    last = read(file(folder, 1, values.ndim), chunks, 1, 4)
    np.testing.assert_array_equal(last, values[SHARD + 1 :])


@pytest.mark.parametrize("packed", [True, False])
def test_every_flipped_byte_of_a_chunk_or_the_index_is_found(tmp_path: Path, packed: bool) -> None:
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    _, chunks = written(tmp_path, values, packed)
    path = file(tmp_path, 0)
    data = path.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"c/0/0: (chunk \d|index): checksum mismatch"):
            read(path, chunks, 0, SHARD)


def test_a_chunk_that_was_never_written_is_an_error_and_so_is_a_torn_file(tmp_path: Path) -> None:
    array, chunks = written(tmp_path, np.random.default_rng(0).normal(size=(ROWS, 3)), False)
    array[2:4] = 7  # the fill value, which Zarr drops
    path = file(tmp_path, 0)
    read(path, chunks, 0, 2)
    with pytest.raises(ValueError, match=r"c/0/0: chunk 1: was never written"):
        read(path, chunks, 1, 3)
    for size in (path.stat().st_size - 1, 10, 0):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(ValueError, match="index: checksum mismatch"):
            read(path, chunks, 0, 2)
