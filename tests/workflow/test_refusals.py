"""Wrong configurations through Snakemake, and wrong options and files through the stage scripts."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, Change, Workdir, mini_config
from posecache.config.starting import has_driver

CARD = "results/models/mpii-t/card.json"


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    return Workdir(tmp_path)


def refused(workdir: Workdir, *arguments: str) -> str:
    """What a dry run that is refused says; no traceback is in it."""
    done = workdir.snakemake("--dry-run", "--cores", "1", *arguments)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert '  File "' not in said
    return said


def misspelt(record: dict[str, Any]) -> None:
    record["students"]["unified-t"]["distil"]["alhpa"] = 0.3


def textual(record: dict[str, Any]) -> None:
    record["training"]["epochs"] = "10"


def circular(record: dict[str, Any]) -> None:
    record["students"]["mpii-t"]["init"] = "mpii-t"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (misspelt, "students.unified-t.distil.alhpa: unknown key"),
        (textual, "training.epochs: input should be a valid integer, got '10'"),
        (circular, "students.mpii-t.init: mpii-t starts from mpii-t"),
    ],
)
def test_a_mistake_is_told_with_its_line(workdir: Workdir, change: Change, expected: str) -> None:
    record = mini_config()
    change(record)
    workdir.configure(record)
    lines = (workdir.path / "config.yaml").read_text().splitlines()
    key = expected.partition(":")[0].rpartition(".")[2]
    at = [n for n, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:")]
    said = [line for line in refused(workdir).splitlines() if expected in line]
    assert len(said) == 1
    assert any(f"config.yaml:{n}: {expected}" in said[0] for n in at)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: none.yaml\n", "mine.yaml:1: extends: none.yaml: no such configuration"),
        ("extends: mine.yaml\n", "mine.yaml:1: extends: a circle, mine.yaml extends mine.yaml"),
        ("extends: config.yaml\nresults: a\nresults: b\n", "mine.yaml:3: results: this key stands"),
        (
            "extends: config.yaml\nlogits: {batch: .inf}\n",
            "mine.yaml:2: logits.batch: input should",
        ),
    ],
)
def test_the_file_that_says_it_is_named(workdir: Workdir, text: str, expected: str) -> None:
    workdir.configure(mini_config())
    (workdir.path / "mine.yaml").write_text(text)
    said = refused(workdir, "--configfile", str(workdir.path / "mine.yaml"))
    assert sum(expected in line for line in said.splitlines()) == 1


def test_the_command_line_is_named_too(workdir: Workdir) -> None:
    workdir.configure(mini_config())
    said = refused(workdir, "--config", "compute={threads: 0}")
    assert "--config: compute.threads: input should be greater than 0, got 0" in said


def test_several_files_and_the_command_line_lie_on_each_other(workdir: Workdir) -> None:
    workdir.configure(mini_config())
    texts = {"one": "results: one\ncache: one", "two": "results: two\n"}
    for name, text in texts.items():
        (workdir.path / f"{name}.yaml").write_text(text)
    names = [str(workdir.path / f"{name}.yaml") for name in ("config", "one", "two")]
    given = ["--configfile", *names, "--config", "training={seed: 3, lr: 1e-3}"]
    planned = workdir.plan(*given, "--", "two/models/mpii-t/card.json")
    assert {"two/models/mpii-t/card.json", "one/samples/mpii-train/manifest.json"} <= planned


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_cuda_that_is_not_there_is_told_before_the_first_job(workdir: Workdir) -> None:
    record = mini_config()
    record["compute"]["device"] = "cuda"
    workdir.configure(record)
    assert CARD in workdir.plan(CARD)  # another machine may be meant
    done = workdir.snakemake("--cores", "1", CARD)
    assert done.returncode == 1
    assert "compute.device: cuda, and this machine has no NVIDIA driver" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (workdir.path / "data").exists()
    table = workdir.snakemake("--cores", "1", "data/demo/mpii/annotations/mpii_val.mat")
    assert table.returncode == 0, table.stderr  # this one needs no GPU


def test_a_batch_that_cannot_be_filled_is_told_before_any_job(workdir: Workdir) -> None:
    record, samples = mini_config(), "results/samples/mpii-train/manifest.json"
    workdir.configure(record)
    done = workdir.snakemake("--cores", "2", samples)
    assert done.returncode == 0, done.stderr
    record["students"]["mpii-t"]["training"] = {"batch_size": 500}
    workdir.configure(record)
    done = workdir.snakemake("--cores", "2", CARD)
    assert done.returncode == 1
    assert "students.mpii-t.training.batch_size: 500 is more than the" in done.stderr
    assert not (workdir.path / "results" / "logs" / "train_student").exists()
    (workdir.path / samples).unlink()
    done = workdir.snakemake("--cores", "2", CARD)
    assert " persons, but a model is to be trained on batches of 500" in done.stderr


FILES = ["--images", ".", "--skeleton", "coco17", "--format", "coco"]
IMPORT = ["import_model.py", "--name", "m", "--skeleton", "coco17", "--input-size", "[192, 256]"]
TRAIN = ["train_student.py", "--name", "a", "--samples", "absent"]


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        (["prepare_samples.py", *FILES, "--annotations", "absent.json"], 1, "absent.json: no such"),
        (["prepare_samples.py", *FILES], 2, "required: --annotations"),
        (["prepare_samples.py", *FILES, "--annotations", "a", "--crops", "{size: .5}"], 2, "size"),
        ([*IMPORT, "--weights", "absent.pth"], 1, "error: absent.pth: no such file"),
        ([*IMPORT, "--weights", "half.PTH"], 1, "half.PTH: cannot be read as a checkpoint"),
        ([*IMPORT, "--weights", "half.onnx"], 1, "half.onnx: not a valid ONNX file"),
        ([*IMPORT, "--weights", "a.pth", "--padding", ".nan"], 1, "--padding: input should be"),
        ([*TRAIN, "--epochs", "'3'"], 1, "error: --epochs: input should be a valid integer"),
        ([*TRAIN, "--lr", "[1"], 2, "--lr: value:1: not YAML"),
        ([*TRAIN, "--logits", "folder"], 2, "--logits: expected TEACHER=FOLDER, got 'folder'"),
        ([*TRAIN, "--geometry", "replay"], 1, "error: training.geometry: replay shows"),
        ([*TRAIN, "--epochs", "3"], 1, "error: absent"),
        (["cache_logits.py", "--model", "absent", "--samples", "absent"], 1, "error: absent"),
        (["score.py", "--benchmark", "b", "--metric", "pckh", "--nms", "0.5", "--logits", "a",
          "--samples", "b"], 1, "error: `nms` belongs to the metric oks"),
        (["make_table.py", "--table", "table9", "--scores", "a.json"], 1, "unknown table 'table9'"),
        (["make_demo.py", "--dataset", "coco", "--split", "a", "--images", "1", "--seed", "-1"], 1,
         "error: --seed: input should be greater than or equal to 0, got -1"),
        (["seal_logits.py"], 1, "error: out"),
    ],
)  # fmt: skip
def test_a_script_by_hand_ends_in_one_line(
    tmp_path: Path, command: list[str], code: int, expected: str
) -> None:
    for name in ("half.PTH", "half.onnx"):
        (tmp_path / name).write_bytes(b"\x80half")
    script, *options = command
    done = subprocess.run(
        [sys.executable, str(ROOT / "workflow_scripts" / script), *options, "--out", "out"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    begun, *lines = done.stderr.splitlines()
    assert f" {script}, posecache " in begun
    assert expected in lines[-1]
    assert len(lines) == 1 or code == 2  # argparse tells the usage first
