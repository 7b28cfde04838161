"""Jobs and the GPUs of one machine, which need not be here."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from posecache import gpus

NAMES = [f"GPU-{uuid.uuid4()}" for _ in range(3)]  # of no machine
HOLD = """
import sys
from contextlib import ExitStack
from posecache import gpus
with ExitStack() as held:
    print(*gpus.take(sys.argv[2:], int(sys.argv[1]), held), flush=True)
    sys.stdin.read()
"""


@contextmanager
def job(count: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that takes GPUs, says which, and holds them until it is killed."""
    command = [sys.executable, "-c", HOLD, str(count), *NAMES]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def test_no_two_jobs_have_the_same_gpu_and_a_killed_one_frees_its_own() -> None:
    with job(1) as first, job(1) as second:
        taken = said(first) + said(second)
        assert len(set(taken)) == 2
        with ExitStack() as held:
            assert gpus.take(NAMES, 1, held) == [name for name in NAMES if name not in taken]
        with job(2) as third:  # one is free, so it waits
            first.kill()
            own = said(third)
    assert len(set(own)) == 2
    assert not set(own) & {taken[1]}


def test_more_than_there_are_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="gpus: 4 processes, and this machine shows 3 GPUs"):
        gpus.take(NAMES, 4, ExitStack())


LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-6f0c)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-77aa)
"""
DIVIDED = (
    LISTED
    + """\
  MIG 1g.10gb     Device  0: (UUID: MIG-0ff1)
  MIG 1g.10gb     Device  1: (UUID: MIG-0ff2)
"""
)


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The driver's program on a machine of two GPUs, which no scheduler has given."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<END\n{LISTED}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in gpus.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    return program


def test_a_divided_gpus_parts_are_what_is_taken(nvidia_smi: Path) -> None:
    assert gpus.listed() == ["GPU-6f0c", "GPU-77aa"]
    nvidia_smi.write_text(nvidia_smi.read_text().replace(LISTED, DIVIDED))
    assert gpus.listed() == ["MIG-0ff1", "MIG-0ff2"]
    nvidia_smi.write_text("#!/bin/sh\nexit 9\n")  # no driver
    assert gpus.listed() == []


@pytest.mark.usefixtures("nvidia_smi")
@pytest.mark.parametrize(("name", "value"), [("CUDA_VISIBLE_DEVICES", "1"), ("RANK", "0")])
def test_what_was_chosen_is_kept(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with gpus.reserved(1, "cuda"):
        assert dict(os.environ) == before


@pytest.mark.usefixtures("nvidia_smi")
def test_cuda_shows_those_that_were_taken() -> None:
    with gpus.reserved(2, "cuda"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-6f0c,GPU-77aa"
    with gpus.reserved(1, "cpu"):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
