"""A miniature of the demo, run for real by Snakemake once per session."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from demo_config import trained_here

ROOT = Path(__file__).parents[2]
TABLE = "results/tables/table1.csv"
TINY = {"deepen": 0.167, "widen": 0.125, "stride": 16}

Change = Callable[[dict[str, Any]], None]


def mini_config() -> dict[str, Any]:
    """The demo with teachers trained here, a dozen pictures per set and one epoch per model; both
    sizes have the same models of one dataset."""
    record = trained_here()
    for demo_set in record["demo"]["sets"].values():
        demo_set["images"] = 12
    for samples in record["samples"].values():
        if "crops" in samples:
            samples["crops"] = {"size": 64}
    record["training"] |= {"variant": TINY, "epochs": 1, "batch_size": 4, "warmup_steps": 2}
    for student in record["students"].values():
        student["training"] = {}
    watched = {"training": {"validate_epochs": 1}, "benchmarks": ["mpii", "coco-shared12"]}
    record["students"]["mpii-t"] |= watched
    record["tables"]["paper"]["small"] |= {"mpii": "mpii-t", "coco": "coco-t"}
    record["logits"] |= {"batch": 8, "chunk_rows": 8, "shard_rows": 16}
    return record


@dataclass(frozen=True)
class Workdir:
    """A folder in which Snakemake runs the project's workflow."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)  # beside this process's

    def configure(self, record: dict[str, Any]) -> None:
        (self.path / "config.yaml").write_text(yaml.safe_dump(record, sort_keys=False))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a run, in a group of processes of its own."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        return subprocess.Popen(
            [*command, "--directory", str(self.path), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | self.environment,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as running:
            out, err = running.communicate()
        return subprocess.CompletedProcess(arguments, running.returncode, out, err)

    def plan(self, *arguments: str) -> set[str]:
        """Outputs that a dry run would make."""
        done = self.snakemake("--dry-run", "--cores", "2", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        outputs = re.findall(r"^    output: (.+)$", done.stdout + done.stderr, re.MULTILINE)
        return {path.removesuffix(" (update)") for line in outputs for path in line.split(", ")}

    def planned(self, change: Change | None = None, target: str = TABLE) -> set[str]:
        """Outputs that a dry run would make again after `change` to the configuration."""
        before = (self.path / "config.yaml").read_text()
        record = copy.deepcopy(yaml.safe_load(before))
        if change is not None:
            change(record)
        self.configure(record)
        try:
            return self.plan(target)
        finally:
            (self.path / "config.yaml").write_text(before)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Workdir:
    """A folder in which the whole miniature has run: once, of which each process that tests has a
    copy."""
    folder = tmp_path_factory.getbasetemp()
    made = Workdir((folder if worker_id == "master" else folder.parent) / "mini")
    with FileLock(made.path.with_suffix(".lock")):
        if not (made.path / TABLE).exists():
            made.path.mkdir(exist_ok=True)
            made.configure(mini_config())
            done = made.snakemake("--cores", "2", TABLE)
            assert done.returncode == 0, done.stdout + done.stderr
    return Workdir(shutil.copytree(made.path, folder / "finished"))
