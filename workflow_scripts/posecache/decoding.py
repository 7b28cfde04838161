"""Files as typed records: a record says what a file holds; what is wrong in one is one line."""

import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Thing = TypeVar("Thing")

PLACE = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?P<place>.*)`)?$", re.DOTALL)


def read(path: Path, kind: type[Thing], place: str = "") -> Thing:
    """The record that a JSON file holds; ValueError names the file and the place in it.

    Keys that the record does not know are skipped. `place` is what errors call the whole.
    """
    content = read_bytes(path).removeprefix(codecs.BOM_UTF8)
    return _decode(content, msgspec.json.Decoder(kind), path, place)


def read_bytes(path: Path) -> bytes:
    """A file's bytes; ValueError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def each(
    records: Sequence[msgspec.Raw], kind: type[Thing], path: Path, place: str
) -> Iterator[Thing]:
    """The records of a list one after the other, so that only one is in memory."""
    decoder = msgspec.json.Decoder(kind)
    for number, record in enumerate(records):
        yield _decode(record, decoder, path, f"{place}[{number}]")


def _decode(
    content: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Thing], path: Path, place: str
) -> Thing:
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {_explain(error, place)}") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: not a whole JSON file ({error})") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


def convert(content: Any, kind: type[Thing], source: str) -> Thing:
    """The record that plain data (of YAML, say) describe; ValueError names `source` and the key."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{source}: {_explain(error)}") from None


def _explain(error: msgspec.ValidationError, place: str = "") -> str:
    """What is wrong, after where: `annotations[3].bbox[0]: expected ...`."""
    found = PLACE.match(str(error))
    assert found is not None
    where = f"{place}{found['place'] or ''}".removeprefix(".")
    problem = found["problem"][0].lower() + found["problem"][1:]
    return f"{where}: {problem}" if where else problem
