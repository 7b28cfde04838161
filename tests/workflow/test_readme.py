"""What the README says a user may do."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from test_configs import lay_out, load

from conftest import ROOT, Workdir

README = (ROOT / "README.md").read_text()
PAPER = str(ROOT / "configs" / "paper.yaml")


# What is made from what: a path belongs to the first of these that is a part of it.
STAGES = (
    "samples/", "models/rtmpose-m", "logits/rtmpose-m", "models/", "logits/", "scores/", "tables/",
)  # fmt: skip


def pretend(workdir: Workdir, outputs: set[str]) -> None:
    """Make outputs as empty files, each stage's a second later than those that it reads."""
    now = time.time()
    for output in outputs:
        made = now + next(number for number, stage in enumerate(STAGES) if stage in output)
        path = workdir.path / output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (made, made))


def test_its_own_example_plans_six_jobs_where_the_paper_has_run(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    lay_out(tmp_path, load("paper"))
    table = "results/tables/table1.csv"
    pretend(workdir, workdir.plan("--configfile", PAPER, "--", table))
    assert workdir.plan("--configfile", PAPER, "--", table) == set()
    example = re.search(r"```yaml\n(extends: configs/paper.yaml.*?)```", README, re.DOTALL)
    command = re.search(r"snakemake --configfile mine.yaml --cores 16 (\S+)", README)
    assert example is not None
    assert command is not None
    (tmp_path / "mine.yaml").write_text(example[1])
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    planned = workdir.plan("--configfile", str(tmp_path / "mine.yaml"), "--", command[1])
    jobs = {path.removesuffix(".md").removesuffix(".csv") for path in planned}
    assert len(jobs) == 6
    assert all(path.startswith("results/alpha-0.5/") for path in planned)


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 110
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_commands_that_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z0-9]+)`?", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_a_printed_line_can_be_pasted(finished: Workdir) -> None:
    target = "results/scores/mpii-t/mpii.json"
    before = (finished.path / target).read_bytes()
    plan = finished.snakemake(
        "--dry-run", "--printshellcmds", "--cores", "1", "--forcerun", "score", "--", target
    )
    line = next(text for text in (plan.stdout + plan.stderr).splitlines() if "/score.py " in text)
    command = line.partition("python ")[2].replace(target, "pasted.json")
    log = finished.path / "results/logs/score/mpii-t/mpii.log"
    tools = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        f"python {command}", shell=True, cwd=finished.path, check=False, env=os.environ | tools
    )
    assert done.returncode == 0, log.read_text()
    assert (finished.path / "pasted.json").read_bytes() == before
