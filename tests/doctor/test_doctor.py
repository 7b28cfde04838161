"""`posecache doctor` on experiments that are broken in one place each, for real."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import tiny
from posecache import files
from posecache.doctor import devices, disks, examination, machine
from posecache.doctor.finding import Finding

COMMAND = "from posecache.cli import main; main()"
ONNX_RUNTIMES = {"onnxruntime", "onnxruntime-gpu"}
CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")


def experiment() -> dict[str, Any]:
    """A student of ten persons and of a tiny ONNX teacher."""
    return {
        "samples": {
            "people": {"format": "coco", "annotations": "data/annotations.json", "images": "data",
                       "skeleton": "coco17", "crops": {"size": 32}},
        },
        "training": {"variant": {"deepen": 0.167, "widen": 0.125, "stride": 16},
                     "input_size": [16, 32], "epochs": 1, "batch_size": 4},
        "teachers": {
            "teacher": {"weights": "teacher.onnx", "skeleton": "coco17", "input_size": [16, 32],
                        "sha256": files.sha256(Path("teacher.onnx"))},
        },
        "students": {"student": {"samples": ["people"],
                                 "distil": {"alpha": 0.5, "teachers": {"teacher": 0.5}}}},
        "benchmarks": {"ap": {"samples": "people", "metric": "oks"}},
        "compute": {"memory_mb": 10},
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write_coco(Path("data"))
    tiny.onnx_model(Path("teacher.onnx"))


def examined(record: dict[str, Any] | None = None) -> list[Finding]:
    Path("config.yaml").write_text(yaml.safe_dump(record or experiment()))
    return list(examination.of_experiment(Path("config.yaml")))


def only(found: list[Finding], level: str) -> Finding:
    """The one finding of this level, which says what to do."""
    (finding,) = [finding for finding in found if finding.level == level]
    assert finding.todo
    return finding


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_experiment_that_can_run() -> None:
    found = {finding.what: finding for finding in examined()}
    assert {finding.level for finding in found.values()} == {"ok"}
    assert found["files"].found == "2 that the jobs ahead read are there"
    assert found["pictures"].found == "people: its first 5 are whole"
    assert found["sha256"].found == "as stated: teacher"
    assert "computes on: cpu" in found["ONNX Runtime"].found


def test_the_command_shows_a_line_a_check_and_exits_with_1_where_a_run_would_fail() -> None:
    examined()
    whole = run()
    assert (whole.returncode, whole.stderr) == (0, "")
    lines = whole.stdout.splitlines()
    assert lines[0] == "ok    configuration config.yaml: 7 of 7 jobs ahead"
    assert len(lines) <= 24  # a screen
    Path("teacher.onnx").unlink()
    broken = run("config.yaml")
    assert broken.returncode == 1
    assert broken.stderr.splitlines() == ["1 checks failed: a run would not reach its end"]
    told = "FAIL  files         teacher.onnx: no such file\n"
    told += f"{'':<20}-> put it there, or correct the path: model teacher needs it\n"
    assert told in broken.stdout


def test_without_a_configuration_it_looks_at_the_machine_alone() -> None:
    found = run()
    assert (found.returncode, found.stderr) == (0, "")
    looked_at = {line.split()[1] for line in found.stdout.splitlines()}
    assert {"Python", "PyTorch", "JPEG", "disk"} <= looked_at
    assert not looked_at & {"configuration", "files", "results"}
    absent = run("absent.yaml")
    assert absent.returncode == 1
    assert "FAIL  configuration absent.yaml" in absent.stdout


def test_a_library_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a system library of its is missing."""
    (tmp_path / "broken").mkdir()
    problem = "libjpeg.so.8: cannot open shared object file"
    (tmp_path / "broken" / "simplejpeg.py").write_text(f"raise ImportError({problem!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"), prepend=os.pathsep)
    found = run()
    assert found.returncode == 1
    first, todo = found.stdout.splitlines()
    assert first == f"FAIL  libraries     simplejpeg: {problem}"
    assert todo.strip() == "-> `pip install --force-reinstall simplejpeg`"


def test_a_wrong_configuration_is_told_and_the_machine_is_looked_at() -> None:
    record = experiment()
    record["students"]["student"]["samples"] = ["persons"]
    found = examined(record)
    failed = only(found, "FAIL")
    assert failed.what == "configuration"
    assert "students.student.samples: unknown name 'persons'" in failed.found
    assert {"PyTorch", "disk"} <= {finding.what for finding in found}


@pytest.mark.parametrize(("digest", "todo"), [("01234567", "teachers.teacher.sha256")])
def test_another_file_than_stated(digest: str, todo: str) -> None:
    record = experiment()
    record["teachers"]["teacher"]["sha256"] = digest
    failed = only(examined(record), "FAIL")
    assert f"expected {digest}" in failed.found
    assert todo in failed.todo


def test_a_file_that_is_not_what_its_name_says() -> None:
    record = experiment()
    Path("teacher.onnx").rename("teacher-01234567.onnx")
    record["teachers"]["teacher"] = {**record["teachers"]["teacher"], "sha256": None,
                                     "weights": "teacher-01234567.onnx"}  # fmt: skip
    assert "its name says 01234567" in only(examined(record), "warn").found


def test_a_truncated_and_a_missing_picture() -> None:
    first, last = Path("data/1.jpg"), Path("data/5.jpg")
    first.write_bytes(first.read_bytes()[:-200])
    last.unlink()
    failed = only(examined(), "FAIL")
    assert failed.found.startswith("people: 2 of its first 5: data/1.jpg: damaged picture")


def test_an_annotation_file_that_is_cut_short() -> None:
    path = Path("data/annotations.json")
    path.write_bytes(path.read_bytes()[:-9])
    failed = only(examined(), "FAIL")
    assert failed.found.startswith("data/annotations.json: not a whole JSON file")
    assert "samples.people" in failed.todo


@CPU_ONLY
def test_cuda_where_there_is_none() -> None:
    found = examined(experiment() | {"compute": {"device": "cuda"}})
    failed = {finding.what: finding for finding in found if finding.level == "FAIL"}
    assert set(failed) == {"PyTorch", "ONNX Runtime"}
    assert all("compute.device: cpu" in finding.todo for finding in failed.values())


@pytest.mark.skipif(find_spec("tensorboard") is not None, reason="TensorBoard is installed")
def test_a_package_that_is_asked_for_and_not_installed() -> None:
    record = experiment()
    record["training"]["tensorboard"] = True
    assert only(examined(record), "FAIL").what == "TensorBoard"


def test_both_wheels_of_onnx_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONNX_RUNTIMES:
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-9.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    warned = only(list(devices.examine("cpu")), "warn")
    assert warned.found == "installed twice: onnxruntime and onnxruntime-gpu"


def test_more_threads_and_memory_than_there_are() -> None:
    found = examined(experiment() | {"compute": {"threads": 4000, "memory_mb": 10**9}})
    warned = {finding.what: finding for finding in found if finding.level == "warn"}
    assert set(warned) == {"cores", "memory"}
    assert "compute.threads" in warned["cores"].todo


def test_cores_are_those_that_the_process_is_given() -> None:
    given = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(given)})
    try:
        assert machine.cores_given() <= 1
        assert machine.cores(2).level == "warn"
    finally:
        os.sched_setaffinity(0, given)


def test_a_disk_without_room(tmp_path: Path) -> None:
    assert disks.room(tmp_path, 1e6, 10).level == "ok"
    full = disks.room(tmp_path, 1e18, 10)
    assert (full.level, "to write" in full.found) == ("FAIL", True)
    if os.statvfs(tmp_path).f_files:  # some file systems make inodes as they need them
        assert disks.room(tmp_path, 1e6, 10**15).level == "FAIL"
    assert disks.standing(tmp_path / "a" / "b") == tmp_path


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    assert disks.room(tmp_path / "shut", 1.0, 1).level == "FAIL"
