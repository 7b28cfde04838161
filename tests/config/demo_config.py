"""The demo's configuration, for the tests that change it."""

import copy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(key: str, value: Any) -> dict[str, Any]:
    """The demo configuration with the value at a dotted key replaced, or the key added."""
    record = copy.deepcopy(DEMO)
    *path, last = key.split(".")
    section = record
    for part in path:
        section = section[part]
    section[last] = value
    return record
