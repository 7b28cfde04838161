"""docs/your-own-data.md is a complete example: its blocks are run unchanged."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from conftest import ROOT
from posecache import config, logits, samples

PAGE = ROOT / "docs" / "your-own-data.md"
FILES = ("make_data.py", "kite.yaml", "make_teacher.py", "kites.yaml")


def blocks() -> tuple[dict[str, str], list[str]]:
    """The page's files by name, and its commands."""
    text = PAGE.read_text()
    found = re.findall(r"`([\w.-]+)`[^`]*?:\n\n```\w+\n(.*?)```", text, re.DOTALL)
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert commands is not None
    return dict(found), commands[1].splitlines()


def test_the_page_works_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    files, commands = blocks()
    assert tuple(files) == FILES
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    tools = Path(sys.executable).parent
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{tools}:{os.environ['PATH']}"}
    for command in commands:
        command = command.replace("snakemake", f"snakemake --snakefile {ROOT / 'Snakefile'}")
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / "results"
    table = (results / "tables" / "kites.csv").read_text().splitlines()
    assert table[0] == "model,ours,AP,AR"
    assert [line.split(",")[0] for line in table[1:]] == ["kite-student", "kite-teacher"]
    score = json.loads((results / "scores" / "kite-student" / "kites.json").read_text())
    assert score["protocol"]["n"] == 12
    assert score["protocol"]["keypoints"] == ["top", "left_wing", "right_wing", "tail"]
    store = samples.open(results / "samples" / "kites-train")
    x, _, _ = logits.open(results / "logits" / "kite-teacher" / "kites-train").read(slice(0, 3))
    assert x.shape == (3, 1, store.column("keypoints").shape[1], 128)
    snippet = re.search(r"\n\n((?:    .*\n)*    keypoints, scores = model.*\n)", PAGE.read_text())
    assert snippet is not None
    picture = (
        "import numpy as np\nrgb_image, (x1, y1, x2, y2) = np.zeros((80, 90, 3)), (9, 9, 60, 70)\n"
    )
    code = picture + textwrap.dedent(snippet[1]) + "print(keypoints.shape, scores.shape)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["(1, 4, 2) (1, 4)"], done.stderr


def test_the_sets_without_labels_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block that has no name, on top of the page's own configuration."""
    files, _ = blocks()
    found = re.search(r"```yaml\n(samples:\n  street:.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    for name in ("kite.yaml", "kites.yaml"):
        (tmp_path / name).write_text(files[name])
    (tmp_path / "more.yaml").write_text("extends: kites.yaml\n" + found[1])
    monkeypatch.chdir(tmp_path)
    experiment = config.load(tmp_path / "more.yaml")
    assert [name for name, s in experiment.samples.items() if not s.labelled] == [
        "street", "coco-more", "coco-all",
    ]  # fmt: skip
    assert experiment.skeleton("mine") == "kite.yaml"
