"""A sealed store as one file, to be handed on: a plain tar, whose first member is the manifest.

The manifest names every other member with its bytes and sha256, in the order in which they follow.
All else in a tar is fixed here: a store has one packed form, and reading it compares every byte.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tarfile import BLOCKSIZE, RECORDSIZE, USTAR_FORMAT, HeaderError, TarInfo
from typing import IO, Any

from posecache import files
from posecache.stores.locks import locked
from posecache.stores.manifest import (
    DIGEST,
    MANIFEST,
    SEALED,
    checked,
    read_manifest,
    recorded_files,
    signed,
)

PIECE = 2**20  # bytes that are copied at a time


def pack(folder: Path, file: Path, kind: str | None = None) -> None:
    """Write a sealed store as one file, whole or not at all.

    ValueError for a store that is not sealed, damaged, or of another kind.
    """
    manifest = read_manifest(folder, kind)
    content = (folder / MANIFEST).read_bytes()
    with files.written_atomically(file) as packed:
        packed.write(_header(MANIFEST, len(content)) + content + _padding(len(content)))
        for name, facts in recorded_files(manifest):
            packed.write(_header(name, facts["bytes"]))
            with _opened(folder / name) as source:
                if not _copied(source, packed, facts) or source.read(1):
                    raise ValueError(f"{folder / name}: is not as it was sealed")
            packed.write(_padding(facts["bytes"]))
        packed.write(_end(packed.tell()))


def unpack(
    file: Path, folder: Path, kind: str | None = None, about: Mapping[str, Any] | None = None
) -> None:
    """Make a store of a packed one, whole or not at all; `about` replaces what its manifest says.

    ValueError for a folder that exists, and for a file that is damaged or no packed store.
    """
    with _opened(file) as packed, _appearing(folder) as made:
        manifest = _manifest(packed, file, kind)
        for name, facts in recorded_files(manifest):
            _extract(packed, file, made, name, facts)
        end = _end(packed.tell())
        if packed.read(len(end) + 1) != end:
            raise ValueError(f"{file}: damaged: does not end as it should")
        record = {k: v for k, v in {**manifest, **(about or {})}.items() if k != DIGEST}
        for name in (SEALED, MANIFEST):
            files.write_atomically(made / name, signed(record))


def read_packed(file: Path, kind: str | None = None) -> dict[str, Any]:
    """The manifest of a packed store; ValueError if it is none."""
    with _opened(file) as packed:
        return _manifest(packed, file, kind)


def _manifest(packed: IO[bytes], file: Path, kind: str | None) -> dict[str, Any]:
    """The manifest, which comes first."""
    block = packed.read(BLOCKSIZE)
    try:
        size = TarInfo.frombuf(block, "utf-8", "strict").size
    except HeaderError:
        size = -1
    if size < 0 or block != _header(MANIFEST, size):
        raise ValueError(f"{file}: is no packed store")
    content, rest = packed.read(size), packed.read(-size % BLOCKSIZE)
    try:
        manifest = json.loads(content)
        right = rest == _padding(size) and files.as_json(manifest).encode() == content
    except (ValueError, RecursionError):
        right = False
    if not right:
        raise ValueError(f"{file}: damaged: its {MANIFEST} is not as it was sealed")
    return checked(manifest, str(file), kind)


def _extract(
    packed: IO[bytes], file: Path, made: Path, name: str, facts: Mapping[str, Any]
) -> None:
    """The next member, which has to be the file `name`; it is on the disk afterwards."""
    path, size = PurePosixPath(name), facts["bytes"]
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{file}: names {name}, which lies outside of a store")
    (made / path).parent.mkdir(parents=True, exist_ok=True)
    right = packed.read(BLOCKSIZE) == _header(name, size)
    with files.naming(made / path), (made / path).open("xb") as target:
        right = right and _copied(packed, target, facts)
        target.flush()
        os.fsync(target.fileno())
    if not right or packed.read(-size % BLOCKSIZE) != _padding(size):
        raise ValueError(f"{file}: damaged: {name} is not as it was sealed")


def _copied(source: IO[bytes], target: IO[bytes], facts: Mapping[str, Any]) -> bool:
    """Copy a file's bytes; returns whether they are those that the manifest says."""
    digest, left = hashlib.sha256(), facts["bytes"]
    while left and (piece := source.read(min(left, PIECE))):
        digest.update(piece)
        target.write(piece)
        left -= len(piece)
    return not left and digest.hexdigest() == facts["sha256"]


def _header(name: str, size: int) -> bytes:
    """A member's header; ValueError for a name that is too long for a plain tar."""
    info = TarInfo(name)
    info.size = size
    return info.tobuf(USTAR_FORMAT)


def _padding(size: int) -> bytes:
    """What fills up a member's last block."""
    return bytes(-size % BLOCKSIZE)


def _end(size: int) -> bytes:
    """What ends a tar whose members take `size` bytes."""
    return bytes(2 * BLOCKSIZE + -(size + 2 * BLOCKSIZE) % RECORDSIZE)


def _opened(path: Path) -> IO[bytes]:
    """A file to be read; ValueError if there is none."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    return path.open("rb")


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder that becomes `folder` at the end of the `with` block, and is gone otherwise."""
    if folder.exists():
        raise ValueError(f"{folder}: exists already")
    made = folder.with_name(f".{folder.name}.partial")
    with locked(folder.with_name(f".{folder.name}.lock")):
        shutil.rmtree(made, ignore_errors=True)  # what a killed job has left
        try:
            made.mkdir()
            yield made
            for inner in (made, *(path for path in made.rglob("*") if path.is_dir())):
                files.sync_folder(inner)
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    files.sync_folder(folder.parent)
