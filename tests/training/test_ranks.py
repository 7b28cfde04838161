"""Runs that several processes share, on a CPU: they end where one process alone does."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_own import PAUSE
from tiny_run import RECIPE, recipe

import tiny
from demo_config import ROOT
from posecache import logits, samples
from posecache.config.options import to_options
from posecache.stage import StoppedError
from posecache.training.launching import processes
from posecache.training.ranks import Ranks
from posecache.training.recipe import Learning
from posecache.training.student import make_trainer, open_sets

TEACHERS = {"body": "coco17", "mpii": "mpii16"}
# In double precision: in single precision AdamW takes a visible step along a gradient that is
# nothing but rounding.
HOW: dict[str, Any] = {
    **RECIPE,
    "network": "tiny_own:EXACT",
    "epochs": 5,
    "batch_size": 4,  # of sixteen people: four steps an epoch
    "augmentation": {"rotate_prob": 0.5, "blur_prob": 0.5},
    "final_epochs": 1,
    "checkpoint_epochs": 99,
}
DISTIL = {"alpha": 0.3, "teachers": dict.fromkeys(TEACHERS, 0.5)}
LEARNING = Learning.model_validate({"distil": DISTIL})


@dataclass(frozen=True)
class Stores:
    """Two sample sets, of ten people and of six, and two teachers' logits over them."""

    samples: list[Path]
    logits: dict[str, list[Path]]

    def train_alone(
        self, out: Path, stops: Sequence[str] = (), device: str = "cpu", **changes: Any
    ) -> None:
        """Train in this process."""
        sets, how = open_sets(self.samples, self.logits), recipe(**HOW | changes)
        make_trainer(sets, how, LEARNING, out, memory_mb=10, device=device).train(stops)

    def start(
        self, out: Path, gpus: int, device: str = "cpu", pause: float = 0, **changes: Any
    ) -> subprocess.Popen[str]:
        """Begin a run of the stage script; `pause` is in seconds, before each step."""
        given = [f"{name}={folder}" for name, stores in self.logits.items() for folder in stores]
        options = [*to_options(recipe(**HOW | changes)), *to_options(LEARNING)]
        script = str(ROOT / "workflow_scripts" / "train_student.py")
        return subprocess.Popen(
            [sys.executable, script, "--name", "tiny", "--out", str(out),
             "--gpus", str(gpus), "--device", device,
             "--samples", *map(str, self.samples), "--logits", *given, *options],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), PAUSE: str(pause)},
        )  # fmt: skip


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    folder = tmp_path_factory.mktemp("stores")
    found = Stores([], {name: [] for name in TEACHERS})
    for number, images in enumerate((5, 3)):
        path = tiny.write_coco(folder / str(number), tiny.coco_record(images), seed=number)
        store = path.parent / "samples"
        samples.prepare(tiny.annotations(path), store, crops=tiny.CROPS, cut=tiny.SMALL_CUT)
        found.samples.append(store)
    how = logits.Caching(**tiny.SMALL_CUT.model_dump())
    for name, skeleton in TEACHERS.items():
        model = tiny.model_folder(folder / name, skeleton)
        for store in found.samples:
            out = folder / f"{name}-{store.parent.name}"
            logits.cache(model, store, out, how)
            found.logits[name].append(out)
    return found


@pytest.fixture(scope="module")
def alone(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    stores.train_alone(folder)
    return folder


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Its exit code and its log's lines."""
    with process:
        told = process.communicate()[1]
    return process.returncode, told.replace("\r", "\n").splitlines()


def begun(stores: Stores, out: Path) -> subprocess.Popen[str]:
    """Two processes that have written a checkpoint, and have more than ten steps to go."""
    path = out / "checkpoint.pt"
    before = path.stat().st_mtime_ns if path.exists() else None
    process = stores.start(out, gpus=2, pause=1.0, checkpoint_minutes=1e-9)
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    return process


def runs(number: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    path = Path(f"/proc/{number}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


def other(process: subprocess.Popen[str]) -> int:
    """The process that a run has started beside itself."""
    (found,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(found)


def measured(out: Path) -> list[dict[str, float]]:
    """history.csv, with the samples of an epoch in place of times."""
    rows = []
    for row in csv.DictReader(io.StringIO((out / "history.csv").read_text())):
        values = {name: float(value) for name, value in row.items()}
        speed, seconds = values.pop("samples_per_s"), values.pop("seconds")
        rows.append(values | {"samples": speed * seconds, "data_wait": 0})
    return rows


def check_same(out: Path, alone: Path) -> None:
    """Whether two runs of as many steps have the same weights, average and measurements."""
    runs = [torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (out, alone)]
    for part in ("model", "average"):
        for name, value in runs[0][part].items():
            torch.testing.assert_close(value, runs[1][part][name], atol=1e-5, rtol=0, msg=name)
    for here, there in zip(measured(out), measured(alone), strict=True):
        assert here == pytest.approx(there, rel=1e-3, abs=1e-5)


def test_two_processes_end_at_the_weights_of_one(
    stores: Stores, alone: Path, tmp_path: Path
) -> None:
    code, told = finish(stores.start(tmp_path, gpus=2))
    assert code == 0, told
    assert (tmp_path / "card.json").exists()
    check_same(tmp_path, alone)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two CUDA devices here")
def test_two_processes_on_cuda_measure_what_one_does(stores: Stores, tmp_path: Path) -> None:
    """There the network runs in bfloat16."""
    how = {"network": "rtmpose", "epochs": 1, "device": "cuda"}
    stores.train_alone(tmp_path / "alone", **how)
    code, told = finish(stores.start(tmp_path / "two", gpus=2, **how))
    assert code == 0, told
    (expected,), (found,) = (measured(tmp_path / name) for name in ("alone", "two"))
    assert found == pytest.approx(expected, rel=0.02)


def test_another_number_of_processes_may_go_on_with_a_run(
    stores: Stores, alone: Path, tmp_path: Path
) -> None:
    """One begins it, two go on until the second of them is told to stop, and one ends it."""
    with pytest.raises(StoppedError, match="SIGUSR1 after step 1 of 20"):
        stores.train_alone(tmp_path, ["SIGUSR1"])
    process = begun(stores, tmp_path)
    os.kill(other(process), signal.SIGTERM)
    code, told = finish(process)
    assert code == 75, told
    assert "goes on from 0 of 5 epochs and 1 steps" in "\n".join(told)
    assert told[-1].startswith("stopped by SIGTERM after step ")
    assert not (tmp_path / "card.json").exists()
    stores.train_alone(tmp_path)
    check_same(tmp_path, alone)


def test_a_process_that_dies_ends_all(stores: Stores, tmp_path: Path) -> None:
    process = begun(stores, tmp_path)
    os.kill(other(process), signal.SIGKILL)
    code, told = finish(process)
    assert (code, told[-1]) == (1, "error: process 1 of 2: ended by SIGKILL")


def test_none_outlives_the_first(stores: Stores, tmp_path: Path) -> None:
    process = begun(stores, tmp_path)
    second = other(process)
    process.kill()
    finish(process)
    until = time.monotonic() + 600
    while runs(second) and time.monotonic() < until:
        time.sleep(0.05)
    assert not runs(second)


def test_what_is_wrong_is_said_once(stores: Stores, tmp_path: Path) -> None:
    code, told = finish(stores.start(tmp_path, gpus=2, lr=1e300, warmup_steps=0))
    errors = [line for line in told if "rror" in line]
    assert (code, len(errors)) == (1, 1), told
    assert errors[0].startswith("error: step 1: loss {'L_CK': nan, ")


def test_numbers_of_processes_that_disagree_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="gpus: 99 processes, and this machine shows"):
        processes(99, "cuda").__enter__()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with processes(1, "cpu") as alone:
        assert alone == Ranks()
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="gpus: 2, and the environment says WORLD_SIZE=3"):
        processes(2, "cpu").__enter__()
