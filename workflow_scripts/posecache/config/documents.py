"""YAML as a user writes it, with the place of every key, so that a mistake has a file and a line.

As in YAML 1.2, `1e-3` is a number; PyYAML alone reads a text. A key that stands twice in one
section is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXTENDS = "extends"
MERGE = "tag:yaml.org,2002:merge"  # the key <<
EXPONENT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")

# Sections whose keys are names that a user gives: null on top of such an entry removes it.
NAMED = [
    tuple(key.split("."))
    for key in (
        "demo.sets", "samples", "teachers", "students", "benchmarks",
        "students.*.distil.teachers", "students.*.distil.temperatures",
        "tables.paper", "tables.paper.*", "tables.teachers", "tables.rivals",
        "tables.own", "tables.own.*.rows", "tables.own.*.columns",
        "sweeps", "sweeps.*", "sweeps.*.columns",
        "annotations", "active_learning",
    )
]  # fmt: skip

# Where a teacher comes from: one that comes from elsewhere is another one, and merged with none.
ORIGINS = ("weights", "train", "logits")


class Loader(yaml.SafeLoader):
    """Reads plain values."""


class Dumper(yaml.SafeDumper):
    """Writes what Loader reads."""


for _kind in (Loader, Dumper):
    _kind.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


@dataclass(frozen=True)
class Document:
    """Content without the key `extends`, the file which that names, and where each key stands."""

    content: Any = field(default_factory=dict)
    # `file:line` by dotted key; "" is the whole
    places: Mapping[str, str] = field(default_factory=lambda: {"": "config"})
    extends: Path | None = None

    @staticmethod
    def of(record: Any, source: str) -> "Document":
        """A document of which nothing but the source is known."""
        places = dict.fromkeys(["", *_keys(record)], source)
        return _extending(record, places, Path())

    def on_top_of(self, base: "Document") -> "Document":
        """This document over another one, sections merged key by key."""
        content = _merged(base.content, self.content, ())
        return Document(content, {**base.places, **self.places}, self.extends)

    def place(self, key: str) -> str:
        """Where a key stands, or, as it may be missing, the section that should have it."""
        while key not in self.places and key:
            key = key.rpartition(".")[0]
        return self.places[key]

    def located(self, problem: str) -> str:
        """A problem, `key: what is wrong`, with the place of its key in front."""
        return f"{self.place(problem.partition(': ')[0])}: {problem}"


def read(path: Path) -> Document:
    """Read a configuration file; ValueError names the file and the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such configuration") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    content, places = parse(text, shown(path))
    return _extending({} if content is None else content, places, path.parent)


def parse(text: str, source: str) -> tuple[Any, dict[str, str]]:
    """The content of a YAML text, and the place of each of its keys; ValueError names the line."""
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        places = {"": source, **dict(_walk(node, source, "", ()))}
        return _constructed(loader, node, source), places
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f":{mark.line + 1}"
        raise ValueError(f"{source}{line}: not YAML ({error.problem})") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{source}: not YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise ValueError(f"{source}: nested too deeply") from None
    finally:
        loader.dispose()


def _constructed(loader: Loader, node: yaml.Node | None, source: str) -> Any:
    try:
        return None if node is None else loader.construct_document(node)
    except ValueError as error:  # a date in month 13, say
        raise ValueError(f"{source}: not YAML ({error})") from None


def plain(text: str) -> Any:
    """What a text that stands alone means in YAML: a number, a truth value, null, or the text."""
    loader = Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text))


def _walk(
    node: yaml.Node | None, source: str, path: str, above: tuple[yaml.Node, ...]
) -> Iterator[tuple[str, str]]:
    """Each dotted key below a node, and its place; ValueError for a key that stands twice."""
    lines: dict[tuple[str, str], int] = {}
    for tag, name, line, child in _items(node):
        key = f"{path}.{name}" if path else name
        if (tag, name) in lines:
            first = lines[tag, name]
            raise ValueError(f"{source}:{line}: {key}: this key stands in line {first} already")
        if child in above:
            raise ValueError(f"{source}:{line}: {key}: contains itself")
        lines[tag, name] = line
        yield key, f"{source}:{line}"
        yield from _walk(child, source, key, (*above, child))


def _items(node: yaml.Node | None) -> Iterator[tuple[str, str, int, yaml.Node]]:
    """The tag and the text of each key of a section or list, its line from 1 and its value."""
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                yield key.tag, key.value, key.start_mark.line + 1, child
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield "", str(index), child.start_mark.line + 1, child


def _keys(record: Any, path: str = "") -> Iterator[str]:
    """Each dotted key of a plain record."""
    items: Any = ()
    if isinstance(record, Mapping):
        items = record.items()
    elif isinstance(record, list):
        items = enumerate(record)
    for name, value in items:
        key = f"{path}.{name}" if path else str(name)
        yield key
        yield from _keys(value, key)


def _extending(record: Any, places: Mapping[str, str], folder: Path) -> Document:
    """A document whose `extends`, if it has one, is relative to `folder`."""
    if not isinstance(record, dict) or EXTENDS not in record:
        return Document(record, places)
    base = record[EXTENDS]
    if not isinstance(base, str):
        raise ValueError(f"{places[EXTENDS]}: {EXTENDS}: expected the name of a file, got {base!r}")
    rest = {key: value for key, value in record.items() if key != EXTENDS}
    return Document(rest, places, folder / base)


def _merged(base: Any, own: Any, path: tuple[str, ...]) -> Any:
    """`own` over `base`, sections merged key by key, as Snakemake merges configuration files."""
    if not (isinstance(base, dict) and isinstance(own, dict)) or _from_elsewhere(base, own, path):
        return own
    merged = dict(base)
    for key, value in own.items():
        if value is None and key in base and _named(path):
            del merged[key]
        else:
            below = (*path, str(key))
            merged[key] = _merged(base[key], value, below) if key in base else value
    return merged


def _from_elsewhere(base: dict[str, Any], own: dict[str, Any], path: tuple[str, ...]) -> bool:
    """Whether `own` is a teacher that comes from elsewhere than the one of `base`."""
    named = {key for key in ORIGINS if key in own}
    return len(path) == 2 and path[0] == "teachers" and bool(named) and named.isdisjoint(base)


def _named(path: tuple[str, ...]) -> bool:
    return any(
        len(path) == len(section)
        and all(part in ("*", name) for part, name in zip(section, path, strict=True))
        for section in NAMED
    )


def shown(path: Path) -> str:
    """A path as short as possible."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
