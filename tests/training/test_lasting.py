"""Runs of train_student.py that are killed or told to stop end as an undisturbed one does."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from tiny_own import PAUSE
from tiny_run import RECIPE, recipe

from demo_config import ROOT
from posecache.config.options import to_options
from posecache.training.recipe import Learning
from posecache.training.stream import TrainingSet

EPOCHS, STEPS = 12, 10  # an epoch has ten persons in batches of one
HOW: dict[str, Any] = {**RECIPE, "epochs": EPOCHS, "batch_size": 1, "checkpoint_epochs": 3}
DISTIL = {"alpha": 0.3, "teachers": {"teacher": 0.5}}


def start(data: TrainingSet, out: Path, pause: float = 0, **changes: Any) -> subprocess.Popen[str]:
    """Begin a run of the stage script with dropout in its network, `pause` s before each step."""
    network = {"network": "tiny_own:DROPPING", "variant": 4}
    options = to_options(recipe(**HOW | network | changes))
    options += to_options(Learning.model_validate({"distil": DISTIL}))
    stores = ["--samples", str(data.samples.folder)]
    stores += ["--logits", f"teacher={data.logits['teacher'].folder}"]
    script = str(ROOT / "workflow_scripts" / "train_student.py")
    return subprocess.Popen(
        [sys.executable, script, "--name", "tiny", "--out", str(out), *stores, *options],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), PAUSE: str(pause)},
    )


def finish(data: TrainingSet, out: Path) -> str:
    """Run to the end; what the run logged."""
    with start(data, out) as process:
        told = process.communicate()[1]
    assert process.returncode == 0, told
    return told


def stop(data: TrainingSet, out: Path, number: int, **changes: Any) -> tuple[int, str]:
    """Begin a run, signal it once it has written a checkpoint; its exit code and its log."""
    path = out / "checkpoint.pt"
    before = path.stat().st_mtime_ns if path.exists() else None
    with start(data, out, pause=0.1, **changes) as process:
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        process.send_signal(number)
        told = process.communicate()[1]
    return process.returncode, told


def progress(out: Path) -> tuple[int, int]:
    """Finished epochs, and steps after them, that a checkpoint holds."""
    meta = json.loads(torch.load(out / "checkpoint.pt", weights_only=True)["meta"])
    return meta["epoch"], meta["tally"]["steps"]


def measured(out: Path) -> list[dict[str, str]]:
    """history.csv without times."""
    rows = list(csv.DictReader(io.StringIO((out / "history.csv").read_text())))
    timed = ("seconds", "data_wait", "samples_per_s")
    return [{name: row[name] for name in row if name not in timed} for row in rows]


def equal(a: Path, b: Path) -> bool:
    """Whether two runs gave the same model, weights and measurements."""
    names = ("model.onnx", "weights.pt")
    same = all((a / name).read_bytes() == (b / name).read_bytes() for name in names)
    return same and measured(a) == measured(b)


def test_a_run_that_is_stopped_or_killed_goes_on_to_the_same_bits(
    data: TrainingSet, tmp_path: Path
) -> None:
    """Told to stop twice, at whatever step, and killed once."""
    finish(data, tmp_path / "whole")
    assert len(measured(tmp_path / "whole")) == EPOCHS
    out, before = tmp_path / "stopped", ""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        code, told = stop(data, out, number, checkpoint_minutes=1e-9)
        assert code == 75, told
        epochs, steps = progress(out)
        last = told.replace("\r", "\n").splitlines()[-1]
        assert last == f"stopped by {number.name} after step {epochs * STEPS + steps} of 120"
        assert before in told
        before = f"goes on from {epochs} of 12 epochs" + f" and {steps} steps" * (steps > 0)
    code, told = stop(data, out, signal.SIGKILL)
    assert (code, before in told) == (-signal.SIGKILL, True)
    epochs, steps = progress(out)
    assert (epochs % 3, steps) == (0, 0)
    assert not (out / "card.json").exists()
    assert f"goes on from {epochs} of 12 epochs\n" in finish(data, out)
    assert equal(out, tmp_path / "whole")
