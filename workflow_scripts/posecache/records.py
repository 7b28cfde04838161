"""What an output was made from: a small record beside it, written last.

Whether an output is what a configuration asks for is decided by these records and by the content of
files, never by their times or by what Snakemake remembers: both mislead once results are copied,
moved or restored.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

import posecache
from posecache import files

SUFFIX = ".made_from.json"
MANIFEST = "manifest.json"  # of a store


class Facts(Struct):
    """What tells a file from another one; where its first three numbers are the same, it is."""

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int
    content: str  # see `content`


class Record(Struct):
    """What an output was made from, and by what."""

    posecache: str  # the version
    code: str
    key: str  # a digest of all that the output's content depends on
    output: Facts
    inputs: list[Facts]


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
    made = facts(Path(output))
    written = Record(posecache.__version__, code(), key, made, found)
    files.write_json(path_of(Path(output)), msgspec.to_builtins(written))


@cache
def code() -> str:
    """A digest of the library's own files: it tells code from code where the version does not."""
    folder = Path(posecache.__file__).parent
    kinds = (".py", ".yaml", ".csv", ".html", ".css", ".js")
    own = sorted(path for path in folder.rglob("*") if path.suffix in kinds)
    return files.fingerprint([[str(p.relative_to(folder)), files.sha256(p)] for p in own])[:12]


def facts(path: Path) -> Facts:
    """What a file is now; ValueError if there is none."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    found = path.stat()
    return Facts(str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, content(path))


def content(path: Path) -> str:
    """A digest of what a file holds: SHA-256, but for a store's manifest that of the store.

    A manifest also says how fast the store was made; made again, the store is the same.
    """
    if path.name == MANIFEST:
        with suppress(msgspec.DecodeError):
            record = msgspec.json.decode(path.read_bytes(), type=dict)
            return files.fingerprint([record.get(k) for k in ("identity", "layout", "shards")])
    return files.sha256(path)


def digest(path: Path, output: Path) -> str | None:
    """The digest of an input of `output`, None if there is no such file.

    It is taken from the output's record if the input has the size and times that stand there.
    """
    if not path.is_file():
        return None
    record = _read(path_of(output))
    for known in [] if record is None else record.inputs:
        if known.path == str(path) and _looks_like(path, known):
            return known.content
    return content(path)


def by_other_code(folder: Path) -> list[str]:
    """The outputs below a folder that another version of posecache has made, in one line each."""
    found = []
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        record = _read(path)
        if record is not None and record.code != code():
            output = path.with_name(Path(record.output.path).name)
            found.append(f"{output}: made by posecache {record.posecache}, code {record.code}")
    return found


def is_current(output: Path, key: str, inputs: Sequence[Path]) -> bool:
    """Whether an output was made with `key` from `inputs` as they are; absent inputs are let be."""
    record = _read(path_of(output))
    if record is None or (record.key, len(record.inputs)) != (key, len(inputs)):
        return False
    pairs = zip([output, *inputs], [record.output, *record.inputs], strict=True)
    return all(_is(path, known) for path, known in pairs if path.exists())


def _read(path: Path) -> Record | None:
    """A record; None where there is none that can be read, so that nothing is known."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _looks_like(path: Path, known: Facts) -> bool:
    found = path.stat()
    expected = (known.bytes, known.mtime_ns, known.ctime_ns)
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns) == expected


def _is(path: Path, known: Facts) -> bool:
    """Whether a file has the recorded content."""
    return _looks_like(path, known) or content(path) == known.content
