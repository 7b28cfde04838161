"""The demo's configuration, for the tests that change it."""

import copy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def trained_here() -> dict[str, Any]:
    """The demo's configuration with teachers that it trains, which look once, and no backbones."""
    record: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    record["teachers"] = {
        f"{name}-{dataset}": {"train": {"samples": [f"{dataset}-train"]}}
        for name in ("teacher", "teacher2")
        for dataset in ("coco", "mpii")
    }
    record["students"] = {
        name: {"training": {}} | {key: value for key, value in entry.items() if key != "init"}
        for name, entry in record["students"].items()
        if not name.startswith("backbone")
    }
    record["logits"]["views"] = {}
    return record


DEMO = trained_here()


def changed(key: str, value: Any) -> dict[str, Any]:
    """The demo configuration with the value at a dotted key replaced, or the key added."""
    record = copy.deepcopy(DEMO)
    *path, last = key.split(".")
    section = record
    for part in path:
        section = section[part]
    section[last] = value
    return record
