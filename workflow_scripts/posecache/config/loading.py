"""From YAML to a checked configuration."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from posecache.config import checks
from posecache.config.schema import Config
from posecache.settings import explain


def load(path: Path, root: Path) -> Config:
    """Read and check a configuration file; raises a one-line ValueError. `root`: see `layers`."""
    return parse(layers(_read(path), root)[-1], str(path))


def layers(record: Any, root: Path) -> list[Any]:
    """The configuration, preceded by those that it extends, each merged on top of its own base.

    The key `extends` names a file, relative to `root`.
    """
    if not isinstance(record, dict) or "extends" not in record:
        return [record]
    below = layers(_read(root / record["extends"]), root)
    own = {key: value for key, value in record.items() if key != "extends"}
    return [*below, _on_top(below[-1], own)]


def _on_top(base: Any, record: Any) -> Any:
    """`record` over `base`, sections merged key by key, as Snakemake merges configuration files."""
    if not (isinstance(base, dict) and isinstance(record, dict)):
        return record
    merged = {key: _on_top(base[key], value) if key in base else value
              for key, value in record.items()}  # fmt: skip
    return {**base, **merged}


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such configuration") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML ({' '.join(str(error).split())})") from None


def parse(record: object, source: str = "config") -> Config:
    """Check a configuration; ValueError names the key's path, its value and what was expected."""
    try:
        config = Config.model_validate(record)
    except ValidationError as error:
        raise ValueError(f"{source}: {explain(error)}") from None
    problem = next(checks.problems(config), None)
    if problem is not None:
        raise ValueError(f"{source}: {problem}")
    return config
