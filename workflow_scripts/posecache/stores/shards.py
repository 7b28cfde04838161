"""Reading shard files as Zarr's sharding codec lays them out: chunks, then an index of them.

zarr-python reads them too, through an event loop and several copies; here whole chunks are read at
the speed of memory (benchmarks/read_logits.py), in any thread or process, with nothing kept open.
Layout: Zarr v3 specification, codecs/sharding-indexed, index at the end; each chunk and the index
end with their crc32c, little-endian.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc

CRC = 4  # bytes
NOTHING = 2**64 - 1  # the index's mark of a chunk that was never written
BLOSC = Blosc()


@dataclass(frozen=True)
class Chunks:
    """How the rows of one array lie in a shard."""

    rows: int  # in a chunk
    count: int  # chunks in the shard
    shape: tuple[int, ...]  # of a row
    dtype: np.dtype
    packed: bool  # by Blosc


def read(path: Path, chunks: Chunks, start: int, out: np.ndarray) -> None:
    """Fill `out` (B, *shape) with the rows from `start`, counted within the shard.

    Raises ValueError naming the file and the chunk whose checksum is wrong or that is absent.
    """
    stop = start + len(out)
    file = os.open(path, os.O_RDONLY)
    try:
        index = _index(file, path, chunks.count)
        for number in range(start // chunks.rows, -(-stop // chunks.rows)):
            rows = _chunk(file, f"{path}: chunk {number}", index[number], chunks)
            first = number * chunks.rows
            low, high = max(start, first), min(stop, first + chunks.rows)
            out[low - start : high - start] = rows[low - first : high - first]
    finally:
        os.close(file)


def _index(file: int, path: Path, count: int) -> list[list[int]]:
    """First byte and number of bytes of each chunk."""
    length = count * 16 + CRC
    start = max(os.fstat(file).st_size - length, 0)
    data = _checked(file, f"{path}: index", start, length)
    return np.frombuffer(data, "<u8").reshape(count, 2).tolist()


def _chunk(file: int, place: str, span: list[int], chunks: Chunks) -> np.ndarray:
    """One chunk (rows, *shape), padded where the array ends."""
    if NOTHING in span:
        raise ValueError(f"{place}: was never written")
    data = _checked(file, place, *span)
    values = BLOSC.decode(data) if chunks.packed else data
    return np.frombuffer(values, chunks.dtype).reshape(chunks.rows, *chunks.shape)


def _checked(file: int, place: str, start: int, length: int) -> bytes:
    """`length` bytes from `start`, without their checksum, which is verified."""
    data = os.pread(file, length - CRC, start)
    expected = int.from_bytes(os.pread(file, CRC, start + len(data)), "little")
    if len(data) != length - CRC or google_crc32c.value(data) != expected:
        raise ValueError(f"{place}: checksum mismatch: the store is damaged")
    return data
