"""What the README says a user may do."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

from test_configs import lay_out, load

from conftest import ROOT, Workdir
from posecache import records
from posecache.config.places import open_experiment
from posecache.config.stages import Job, Stages

README = (ROOT / "README.md").read_text()
PAPER = str(ROOT / "configs" / "paper.yaml")


def pretend(job: Job) -> None:
    """Make a job's output, and those that it needs, as files without content but with records."""
    for part in job.upstream:
        pretend(part)
    if not Path(job.output).exists():
        with records.recorded(job.record):
            Path(job.output).parent.mkdir(parents=True, exist_ok=True)
            Path(job.output).write_text(job.output)


def test_its_own_example_plans_six_jobs_where_the_paper_has_run(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    lay_out(tmp_path, load("paper"))
    table = "results/tables/table1.csv"
    with contextlib.chdir(tmp_path):
        pretend(Stages(open_experiment([PAPER], {})).job("table", "table1"))
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
