"""The Zarr arrays of a store: created empty, then filled shard by shard (read by shards.py)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec, Crc32cCodec

from posecache.stores.layout import ARRAYS, RAGGED_CHUNK, Column, Layout
from posecache.stores.store import ragged_chunks, read_rows


def create(path: Path, layout: Layout) -> None:
    """Create the group of a store's arrays, without any shard."""
    group = zarr.create_group(path, overwrite=True)
    for name, column in layout.arrays.items():
        group.create_array(
            name,
            shape=(layout.num_rows, *column.shape),
            dtype=column.dtype,
            chunks=(layout.chunk_rows, *column.shape),
            shards=(layout.shard_rows, *column.shape),
            compressors=_codecs(column),
            fill_value=np.nan if np.dtype(column.dtype).kind == "f" else 0,
        )


def _codecs(column: Column) -> list[BytesBytesCodec]:
    """How a chunk's bytes are encoded."""
    if column.shuffle is None:
        return [Crc32cCodec()]
    return [BloscCodec(cname="zstd", clevel=3, shuffle=column.shuffle), Crc32cCodec()]


def write_shard(
    folder: Path,
    layout: Layout,
    shard: int,
    columns: Mapping[str, np.ndarray],
    ragged: Mapping[str, Sequence[bytes]],
) -> None:
    """Write one shard's rows and read them back; OSError if they read back differently."""
    # Zarr would read an older shard to merge with it, and such a file may be torn.
    for path in shard_files(layout, shard):
        (folder / path).unlink(missing_ok=True)
    offsets = {f"{name}_offsets": _offsets(values) for name, values in ragged.items()}
    # Without this, a shard of fill values would have no file, as if it was never written.
    with zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(folder / ARRAYS, mode="r+")
        for name, values in ragged.items():
            _write_ragged(group, f"{name}_{shard:05d}", values)
        for name, column in {**columns, **offsets}.items():
            start, stop = layout.span(shard)
            assert len(column) == stop - start, f"{name}: {len(column)} rows of {stop - start}"
            target = group[name]
            assert isinstance(target, zarr.Array)
            target[start:stop] = column
            _compare(folder, layout, name, start, column)


def _compare(folder: Path, layout: Layout, name: str, start: int, column: np.ndarray) -> None:
    """Read back, chunk by chunk, what was written from row `start`, to hold no second copy."""
    for low in range(0, len(column), layout.chunk_rows):
        part = column[low : low + layout.chunk_rows]
        back = read_rows(folder, layout, name, start + low, start + low + len(part))
        nan = back.dtype.kind == "f"
        if not np.array_equal(back, part.astype(back.dtype), equal_nan=nan):
            raise OSError(f"{folder}: rows from {start + low} of {name} read back differently")


def _write_ragged(group: zarr.Group, name: str, values: Sequence[bytes]) -> None:
    """All bytes of a shard, end to end, as one array of its own."""
    joined = np.frombuffer(b"".join(values), np.uint8)
    target = group.create_array(
        name,
        shape=joined.shape,
        dtype="uint8",
        chunks=(RAGGED_CHUNK,),
        shards=(ragged_chunks(len(joined)).count * RAGGED_CHUNK,),
        compressors=[Crc32cCodec()],
        overwrite=True,
    )
    target[:] = joined


def shard_files(layout: Layout, shard: int) -> list[str]:
    """The files that hold a shard's rows, relative to the store."""
    paths = [layout.file(name, shard) for name in layout.arrays]
    for name in layout.ragged:
        own = layout.ragged_file(name, shard)
        paths += [f"{own.removesuffix('c/0')}zarr.json", own]
    return paths


def metadata_files(layout: Layout) -> list[str]:
    """The files that describe the arrays, relative to the store."""
    return [f"{ARRAYS}/zarr.json", *(f"{ARRAYS}/{name}/zarr.json" for name in layout.arrays)]


def _offsets(values: Sequence[bytes]) -> np.ndarray:
    """First byte and the byte after the last (rows, 2) of values that lie end to end."""
    lengths = np.array([len(value) for value in values], np.int64)
    ends = np.cumsum(lengths)
    return np.stack([ends - lengths, ends], axis=1)
