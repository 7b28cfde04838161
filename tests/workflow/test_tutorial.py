"""docs/tutorial.md is run as its reader would: its files, its commands, and what they print."""

import csv
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from posecache import logits, samples

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
OWN_DATA = (ROOT / "docs" / "your-own-data.md").read_text()
FILES = ["make_data.py", "kite.yaml", "ribbon.yaml", "kites.yaml"]
NUMBER = re.compile(r"\d+\.\d+")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the page in a folder, with this Python's tools in front."""
    tools = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    command = re.sub("^snakemake", f"snakemake --snakefile {ROOT / 'Snakefile'}", command)
    return subprocess.run(
        command, shell=True, cwd=folder, env=os.environ | tools, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def session() -> Iterator[tuple[str, list[str]]]:
    """Each command of the page, and the lines that it is said to print."""
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def stable(text: str) -> list[str]:
    """Lines without what differs from machine to machine: numbers with a fraction, gaps."""
    return [" ".join(NUMBER.sub("N", line).split()) for line in text.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page has been followed from its first line to its last."""
    folder = tmp_path_factory.mktemp("tutorial")
    files = dict(re.findall(r"`([\w.-]+)`[^`]*?:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
    assert list(files) == FILES
    for name, content in files.items():
        (folder / name).write_text(content)
    for command, expected in session():
        done = run(command, folder)
        printed = stable(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        for line in stable("\n".join(expected)):
            assert line in printed, f"$ {command}\n{done.stdout}{done.stderr}\n-- lacks: {line}"
    return folder


def test_a_student_of_both_sets_beats_a_teacher_of_one(folder: Path) -> None:
    results = folder / "results" / "kites"
    with (results / "tables" / "kites.csv").open() as file:
        scores = {row["model"]: float(row["AP50"]) for row in csv.DictReader(file)}
    assert scores["student"] > scores["kite-teacher"] + 10
    score = json.loads((results / "scores" / "student" / "both.json").read_text())
    assert score["protocol"]["n"] == 20
    assert score["protocol"]["keypoints"] == ["top", "left_wing", "right_wing", "tail", "ribbon"]
    store = samples.open(results / "samples" / "ribbons")
    x, _, _ = logits.open(results / "logits" / "kite-teacher" / "ribbons").read(slice(0, 3))
    assert x.shape == (3, 1, 4, 128)
    assert store.column("keypoints").shape == (60, 3, 2)


def test_its_student_runs_by_the_lines_of_the_other_page(folder: Path) -> None:
    snippet = re.search(r"\n\n((?:    .*\n)*    keypoints, scores = model.*\n)", OWN_DATA)
    assert snippet is not None
    picture = (
        "import numpy as np\nrgb_image, (x1, y1, x2, y2) = np.zeros((80, 90, 3)), (9, 9, 60, 70)\n"
    )
    code = picture + textwrap.dedent(snippet[1]) + "print(keypoints.shape, scores.shape)"
    done = run(f"{sys.executable} -c '{code}'", folder)
    assert done.stdout.splitlines()[-1:] == ["(1, 5, 2) (1, 5)"], done.stderr
