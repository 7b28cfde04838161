"""benchmarks/gpu.py, on a CPU: what it measures is training, with a network of another size."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
VARIANT = {"deepen": 0.1, "widen": 0.0625, "stride": 16}


@pytest.fixture(scope="module")
def gpu() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import gpu

        yield gpu


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_without_cuda_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "no CUDA device here: nothing is measured\n"


def test_it_trains_with_cached_and_with_live_teachers(
    gpu: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = gpu.make_people(3)
    bench = gpu.Bench(people, tmp_path, "cpu", 1, 2, 8, time.monotonic() + 1e6)
    small = {"variant": VARIANT, "input_size": (32, 32), "batch_size": 4}
    recipe = bench.recipe("s", 4).model_copy(update=small)

    def live(name: str) -> object:
        return gpu.LiveTeacher.of_network(gpu.TEACHERS[name][0], (32, 32), "cpu")

    two = bench.report(("two",), lambda: bench.stored(recipe, 2, "memory"))
    bench.report(("decoding",), lambda: bench.stored(recipe, 2, "decoding"), two, "two")
    bench.report(("fixed",), lambda: bench.fixed(recipe, 2), two, "two")
    bench.report(("live",), lambda: bench.live(recipe, live), two, "two")
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["| two", "| decoding", "| fixed", "| live"]
    assert [row[2] == "–" for row in rows] == [True, False, False, False]
    assert all(row[2].endswith("of two") for row in rows[1:])
    assert two.speed > 0
    assert 0 <= two.waiting < 1


def test_hours_are_those_of_the_papers_training(gpu: ModuleType) -> None:
    """20,000 samples/s are 420 epochs of 172,059 persons an hour; a peak is in GB."""
    assert gpu.Measured(20_000, 0.031, 2.5e9).cells == ["3.1%", "2.5", "1.00"]
    assert gpu.Measured(172_059, math.nan, math.nan, epochs=1).cells == ["–", "–", "0.00"]


def test_what_would_begin_too_late_is_left_out(
    gpu: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = gpu.Bench(gpu.make_people(1), tmp_path, "cpu", 1, 1, 1, time.monotonic())
    gpu.compiled(bench, gpu.students(bench, ["t"], [256]))
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) >= 8
    assert rows[-1].startswith("| RTMPose-t | 256 | two cached | fixed, compiled | time was up ")
    assert all("time was up" in row for row in rows)


def test_a_fixed_batch_is_one_and_the_same(gpu: ModuleType) -> None:
    people = gpu.make_people(3)
    fixed, anew = (gpu.InMemory(people, 4, 2, fixed=f).epoch(0) for f in (True, False))
    assert next(fixed) is next(fixed)
    assert next(anew) is not next(anew)
    assert gpu.heard(people, 1).teachers.keys() == {"coco"}
