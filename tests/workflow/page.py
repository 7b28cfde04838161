"""The report page of a part of the miniature: made by its rule, and read as a test needs it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from conftest import Workdir

FOLDER = "results/page"
# What the finished miniature has scored.
SCORED = {
    "mpii-t": ["mpii", "coco", "coco-shared12"],
    "coco-t": ["coco", "mpii-shared12"],
    "unified-t": ["mpii", "coco"],
}


def configured(workdir: Workdir, **sections: Any) -> str:
    """A configuration of the models of Table 1's tiny part that makes no others; its path."""
    base = yaml.safe_load((workdir.path / "config.yaml").read_text())
    scored = {name: {"benchmarks": benchmarks} for name, benchmarks in SCORED.items()}
    tiny = dict.fromkeys(base["tables"]["paper"]["tiny"]) | {
        name: f"{name}-t" for name in ("mpii", "coco", "unified")
    }
    record: dict[str, Any] = {
        "extends": str(workdir.path / "config.yaml"),
        "results": FOLDER,
        "students": removed(workdir) | scored,
        "benchmarks": {"halpe-union21": None},
        "tables": {"paper": {"tiny": tiny, "small": None, "I": None, "II": None}},
    }
    path = workdir.path / "page.yaml"
    path.write_text(yaml.safe_dump(record | sections))
    return str(path)


def removed(workdir: Workdir, section: str = "students") -> dict[str, Any]:
    """Nothing in the place of each of the miniature's students, which removes them."""
    base = yaml.safe_load((workdir.path / "config.yaml").read_text())
    return dict.fromkeys(base[section])


def made(workdir: Workdir, **sections: Any) -> Path:
    """The page, made by `snakemake report_page`."""
    path = configured(workdir, **sections)
    done = workdir.snakemake("--cores", "2", "--configfile", path, "--", "report_page")
    assert done.returncode == 0, done.stdout + done.stderr
    return workdir.path / FOLDER / "report" / "index.html"


def data(page: Path) -> Mapping[str, Any]:
    """What the inspector of a page reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found is not None
    record: Mapping[str, Any] = json.loads(found[1])
    return record
