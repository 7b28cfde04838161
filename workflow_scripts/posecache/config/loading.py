"""From YAML to a checked configuration."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from posecache.config import checks
from posecache.config.documents import EXTENDS, Document, plain, read, shown
from posecache.config.schema import Config
from posecache.config.sweeping import written_out
from posecache.settings import explain

COMMAND_LINE = "--config"


def load(path: Path) -> Config:
    """Read and check a configuration file; raises a one-line ValueError."""
    return checked(layers([path])[-1])


def layers(files: Sequence[Path], given: Mapping[str, Any] | None = None) -> list[Document]:
    """The configuration, preceded by those that it extends, each merged on top of its own base.

    It is what `files` say, later ones on top, and on top of them what the command line gives. The
    last `extends` names the base, relative to the file that says it.
    """
    return _layers(files, given, [path.resolve() for path in files])


def _layers(
    files: Sequence[Path], given: Mapping[str, Any] | None, above: list[Path]
) -> list[Document]:
    """See `layers`; `above` are the files that lead here, which must not come again."""
    documents = [read(path) for path in files]
    if given:
        documents.append(Document.of(_values(given), COMMAND_LINE))
    saying = [document for document in documents if document.extends is not None]
    below = _below(saying[-1], above) if saying else []
    top = below[-1] if below else Document()
    for document in documents:
        top = document.on_top_of(top)
    return [*below, top]


def _below(document: Document, above: list[Path]) -> list[Document]:
    """The layers that a document extends; ValueError if there are none, or if it is one of them."""
    assert document.extends is not None
    place, base = document.place(EXTENDS), document.extends
    if not base.is_file():
        raise ValueError(f"{place}: {EXTENDS}: {shown(base)}: no such configuration")
    if base.resolve() in above:
        circle = [*above[above.index(base.resolve()) :], base]
        names = " extends ".join(path.name for path in circle)
        raise ValueError(f"{place}: {EXTENDS}: a circle, {names}")
    return _layers([base], None, [*above, base.resolve()])


def _values(given: Any) -> Any:
    """What Snakemake's --config gives, in which it leaves the values inside a section as texts."""
    if isinstance(given, Mapping):
        return {key: _values(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_values(value) for value in given]
    return plain(given) if isinstance(given, str) else given


def parse(record: object) -> Config:
    """Check a configuration that stands in no file: see `checked`."""
    return checked(Document.of(record, "config"))


def checked(document: Document) -> Config:
    """The configuration that a document says.

    ValueError names the place, the key's path, its value and what was expected.
    """
    config = _parsed(document)
    if config.sweeps:
        _refuse(document, checks.sweep_problems(config))
        document = written_out(document, config)
        config = _parsed(document)
    _refuse(document, checks.problems(config))
    return config


def _parsed(document: Document) -> Config:
    try:
        return Config.model_validate(document.content)
    except ValidationError as error:
        raise ValueError(document.located(explain(error))) from None


def _refuse(document: Document, problems: Iterator[str]) -> None:
    """ValueError for the first problem, if any."""
    problem = next(problems, None)
    if problem is not None:
        raise ValueError(document.located(problem))
