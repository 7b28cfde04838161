"""Files that appear whole or not at all, and the digests that name their content."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from posecache import decoding


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name `path` in an OSError that names no file, as one from a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def written_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A file that becomes `path` at the end of the `with` block, by temporary sibling, fsync and
    rename, so that no reader sees a part of it; an exception leaves `path` as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with naming(path), temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write `path` whole or not at all."""
    with written_atomically(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def sync_folder(folder: Path) -> None:
    """Make the renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_json(record: Any) -> str:
    """`record` as indented JSON."""
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def write_json(path: Path, record: Any) -> None:
    """Write `record` as indented JSON, whole or not at all."""
    write_atomically(path, as_json(record))


def read_json(path: Path) -> Any:
    """Read a JSON file; raises ValueError naming the file if it is missing or not JSON."""
    return decoding.read(path, object)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts(
    folder: Path, paths: Iterable[str], durable: bool = False
) -> dict[str, dict[str, int | str]]:
    """Bytes and sha256 of files below `folder`, first brought to the disk if `durable`."""
    found: dict[str, dict[str, int | str]] = {}
    for path in paths:
        file = folder / path
        if durable:
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            sync_folder(file.parent)
        found[path] = {"bytes": file.stat().st_size, "sha256": sha256(file)}
    return found


def fingerprint(record: Any) -> str:
    """Hex SHA-256 of a JSON-able record, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, allow_nan=False).encode()).hexdigest()
