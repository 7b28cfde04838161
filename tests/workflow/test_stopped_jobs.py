"""A training job that its cluster stops goes on when it is started again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import Workdir, mini_config

MODEL = "results/models/coco-t/card.json"


def watched(workdir: Workdir) -> str:
    """What `posecache watch` shows where it is no terminal."""
    command = [sys.executable, "-c", "from posecache.cli import main; main()", "watch", "--once"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=workdir.path, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_job_whose_processes_are_all_told_to_end_goes_on_at_the_next_start(
    finished: Workdir, tmp_path: Path
) -> None:
    """As Slurm does at a job's time limit. Two processes begin the run, and one ends it."""
    shutil.copytree(finished.path, tmp_path / "copy")
    copy, record = Workdir(tmp_path / "copy"), mini_config()
    record["students"]["coco-t"] |= {"training": {"epochs": 40}, "gpus": 2}
    copy.configure(record)
    log = copy.path / "results/logs/train_student/coco-t.log"
    log.unlink()
    with copy.start("--cores", "1", MODEL) as running:
        while not (log.exists() and "samples/s" in log.read_text()):
            assert running.poll() is None
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGSTOP)  # it is not to end while it is looked at
        shown = watched(copy)
        os.killpg(running.pid, signal.SIGTERM)
        os.killpg(running.pid, signal.SIGCONT)
        out, err = running.communicate()
    assert re.search(r"^train_student +coco-t .* %  \d+/200  loss \d", shown, re.M)
    assert running.returncode == 1
    assert "exit code 75" in (out + err).replace("exit status", "exit code")
    told = log.read_text().replace("\r", "\n").splitlines()[-1]
    assert told.startswith("stopped by SIGTERM after step ")
    assert f"train_student coco-t: {told}" in err.splitlines()
    assert re.search(rf"^train_student +coco-t +stopped .+ ago: {told}$", watched(copy), re.M)
    step = int(told.split()[5])
    record["students"]["coco-t"]["gpus"] = 1
    copy.configure(record)
    assert MODEL in copy.plan(MODEL)
    done = copy.snakemake("--cores", "1", MODEL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "goes on from" in log.read_text()
    assert f"{step}/" in log.read_text()
    assert not re.search("^train_student", watched(copy), re.M)
    assert copy.plan(MODEL) == set()
    record["students"]["coco-t"]["gpus"] = 2  # how many train it is no part of a model
    copy.configure(record)
    assert copy.plan(MODEL) == set()
