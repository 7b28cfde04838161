"""The environment of `snakemake --sdm conda` has the locked versions and needs no other file."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def pinned() -> list[str]:
    """What the environment file has pip install."""
    record = yaml.safe_load((ROOT / "envs" / "posecache.yaml").read_text())
    found: list[str] = next(d["pip"] for d in record["dependencies"] if isinstance(d, dict))
    return found


def versions(lines: list[str]) -> set[str]:
    """Each `name==version`, without the platforms where it counts."""
    return {line.partition(" ;")[0] for line in lines}


def test_every_version_is_the_locked_one() -> None:
    """Where a package is needed may differ, as development needs it on more platforms."""
    locked = versions((ROOT / "requirements.lock").read_text().splitlines())
    assert versions(pinned()) - locked == set()


def test_every_package_that_running_needs_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[<>=; ]", line)[0] for line in project["dependencies"]}
    assert needed <= {line.partition("==")[0] for line in pinned()}


def test_no_other_file_is_named() -> None:
    assert not [line for line in pinned() if line.startswith("-")]
