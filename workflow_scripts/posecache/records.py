"""What an output was made from: a small record beside it, written last.

Whether an output is what a configuration asks for is decided by these records and by the content of
files, never by their times or by what Snakemake remembers: both mislead once results are copied,
moved or restored.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import posecache
from posecache import files

SUFFIX = ".made_from.json"

Facts = Mapping[str, Any]  # path, bytes, mtime_ns and sha256 of a file


def path_of(output: Path) -> Path:
    """Where an output's record lies."""
    return output.with_suffix(SUFFIX)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--record`, by which the workflow asks a stage for a record; see `recorded`."""
    parser.add_argument(
        "--record",
        nargs="+",
        metavar="TEXT",
        help="OUTPUT KEY INPUT ...: note beside OUTPUT, once it is made, KEY (a digest of all that "
        "its content depends on) and what the INPUTs are",
    )


@contextmanager
def recorded(record: Sequence[str] | None) -> Iterator[None]:
    """Make an output within a `with` block, then write its record; without `record` only make it.

    The inputs are looked at first: one that changes meanwhile does not count as used.
    """
    if record is None:
        yield
        return
    output, key, *inputs = record
    found = [facts(Path(path)) for path in inputs]
    yield
    written = {
        "posecache": posecache.__version__,
        "code": code(),
        "key": key,
        "output": facts(Path(output)),
        "inputs": found,
    }
    files.write_json(path_of(Path(output)), written)


def code() -> str:
    """A digest of the library's own files: it tells code from code where the version does not."""
    folder = Path(posecache.__file__).parent
    own = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".yaml", ".csv"))
    return files.fingerprint([[str(p.relative_to(folder)), files.sha256(p)] for p in own])[:12]


def facts(path: Path) -> Facts:
    """What tells a file from another one; ValueError if there is none."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    found = path.stat()
    return {
        "path": str(path),
        "bytes": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "sha256": files.sha256(path),
    }


def digest(path: Path, output: Path) -> str | None:
    """SHA-256 of an input of `output`, None if there is no such file.

    It is taken from the output's record if the input has the size and time that stand there.
    """
    if not path.is_file():
        return None
    for known in _read(output).get("inputs", []):
        if known["path"] == str(path) and _looks_like(path, known):
            found: str = known["sha256"]
            return found
    return files.sha256(path)


def is_current(output: Path, key: str, inputs: Sequence[Path]) -> bool:
    """Whether an output was made with `key` from `inputs` as they are; absent inputs are let be."""
    record = _read(output)
    if record.get("key") != key or not _is(output, record["output"]):
        return False
    pairs = zip(inputs, record["inputs"], strict=True)  # the key tells how many there are
    return all(_is(path, known) for path, known in pairs if path.exists())


def _read(output: Path) -> dict[str, Any]:
    """An output's record, empty if it has none."""
    path = path_of(output)
    return dict(files.read_json(path)) if path.exists() else {}


def _looks_like(path: Path, known: Facts) -> bool:
    found = os.stat(path)
    return (found.st_size, found.st_mtime_ns) == (known["bytes"], known["mtime_ns"])


def _is(path: Path, known: Facts) -> bool:
    """Whether a file has the recorded content; where size and time are the same, it has."""
    if _looks_like(path, known):
        return True
    return path.stat().st_size == known["bytes"] and files.sha256(path) == known["sha256"]
