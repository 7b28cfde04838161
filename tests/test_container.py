"""Containerfile, as far as it goes without an engine and a network.

Each layer's command is read by the shell; the one that chooses a PyTorch runs with a `pip` that
only says what it is asked for; a package is made of the sources, and the image's command is
planned, in a copy of the tree as the image has it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IGNORED = [
    line.removeprefix("**/")
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]
KNOWN = {"FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "CMD"}


def steps() -> list[tuple[str, str]]:
    """The file's instructions and what each is given."""
    lines = (ROOT / "Containerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", "")
    found = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(name, given) for name, given in found]


def commands(part: str) -> list[str]:
    """The RUN instructions that contain a text."""
    return [given for name, given in steps() if name == "RUN" and part in given]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as COPY leaves it in the image."""
    folder = tmp_path_factory.mktemp("image") / "posecache"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*IGNORED), symlinks=True)
    return folder


def test_its_instructions_are_known_and_its_commands_are_shell() -> None:
    assert {name for name, _ in steps()} <= KNOWN
    assert steps()[0][0] == "FROM"
    for name, given in steps():
        if name == "RUN":
            done = subprocess.run(["sh", "-n", "-c", given], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


def test_what_it_copies_is_there(tree: Path) -> None:
    sources = [source for name, given in steps() if name == "COPY" for source in given.split()[:-1]]
    assert sources == ["requirements.lock", "."]
    for source in sources:
        assert (tree / source).exists(), source
    for needed in ("Snakefile", "rules", "workflow_scripts/posecache/skeletons", "teachers"):
        assert any((tree / needed).parent.glob(Path(needed).name)), needed
    assert not (tree / ".git").exists()
    ignored_by_git = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}
    assert ignored_by_git - {"results/*", "!results/README.md"} <= set(IGNORED)


@pytest.mark.parametrize(("torch", "asked"), [("cpu", 1), ("cuda", 0)])
def test_the_build_argument_chooses_the_torch(
    torch: str, asked: int, tree: Path, tmp_path: Path
) -> None:
    (command,) = commands("index-url")
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    pip.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TORCH": torch}
    done = subprocess.run(
        ["sh", "-c", command], cwd=tree, env=environment, capture_output=True, text=True, check=True
    )
    wanted = [word for word in done.stdout.splitlines() if word.startswith("torch")]
    assert len(wanted) == asked
    assert all(re.fullmatch(r"torch==\d+(\.\d+)+", word) for word in wanted)


def test_the_lock_has_all_that_it_needs(tree: Path) -> None:
    """What is installed here is what the lock says, and nothing is missing beside it."""
    (command,) = commands("--requirement")
    offline = command.replace("pip install", "pip install --dry-run --no-index --quiet --report -")
    done = subprocess.run(
        f"{sys.executable} -m {offline}", shell=True, cwd=tree, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["install"] == []


def test_its_sources_make_a_package(tree: Path, tmp_path: Path) -> None:
    """As a wheel: an installation might touch the environment that the tests run in."""
    (command,) = commands("--editable")
    own = command.replace("pip install", f"pip wheel --no-index --wheel-dir {tmp_path}")
    own = own.replace("--editable ", "")
    subprocess.run(f"{sys.executable} -m {own}", shell=True, cwd=tree, check=True)
    (wheel,) = tmp_path.glob("posecache-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"posecache/cli.py", "posecache/skeletons/coco17.yaml"} <= set(names)


def test_its_command_is_planned(tree: Path) -> None:
    (given,) = (given for name, given in steps() if name == "CMD")
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    plan = subprocess.run(
        [*json.loads(given), "--dry-run"], cwd=tree, env=environment | {"PATH": tools},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    assert re.search(r"^make_table +1$", plan.stdout + plan.stderr, re.MULTILINE)
