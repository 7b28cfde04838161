"""Stage scripts by hand, and the rules that the demo itself does not use."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Workdir, mini_config
from posecache import logits, samples

SCRIPTS = sorted(path.name for path in (ROOT / "workflow_scripts").glob("*.py"))


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = str(ROOT / "workflow_scripts" / script)
    command = [sys.executable, path, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_explains_itself(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout


def test_a_users_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": [], "annotations": []}')
    done = run(
        "prepare_samples.py", "--format", "coco", "--annotations", str(tmp_path / "a.json"),
        "--images", str(tmp_path), "--skeleton", "coco17", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        f"error: {tmp_path}/a.json: nobody with labelled keypoints in this file"
    ]
    assert not (tmp_path / "out").exists()


def test_an_onnx_file_is_imported_and_run_like_a_trained_teacher(finished: Workdir) -> None:
    source = finished.path / "results" / "models" / "teacher-coco" / "model.onnx"
    shutil.copy(source, finished.path / "zoo.onnx")
    record = mini_config()
    entry = {"weights": "zoo.onnx", "skeleton": "coco17", "input_size": [64, 96]}
    record["teachers"]["zoo"] = entry
    finished.configure(record)
    target = "results/logits/zoo/coco-train/manifest.json"
    done = finished.snakemake("--cores", "2", target)
    finished.configure(mini_config())
    assert done.returncode == 0, done.stdout + done.stderr
    stores = [
        logits.open(finished.path / "results" / "logits" / name / "coco-train")
        for name in ("zoo", "teacher-coco")
    ]
    assert stores[0].manifest["shards"] == stores[1].manifest["shards"]


def test_halpe_goes_through_the_same_rules(finished: Workdir) -> None:
    done = finished.snakemake("--cores", "2", "results/samples/halpe-val/manifest.json")
    assert done.returncode == 0, done.stdout + done.stderr
    store = samples.open(finished.path / "results" / "samples" / "halpe-val")
    assert store.skeleton == "halpe26+mpii16"
    assert store.column("keypoints").shape[1:] == (27, 2)


def test_a_teacher_of_another_size_ends_the_import_with_one_line(finished: Workdir) -> None:
    model = finished.path / "results" / "models" / "teacher-coco" / "model.onnx"
    done = run(
        "import_model.py", "--weights", str(model), "--name", "x", "--skeleton", "mpii16",
        "--input-size", "[64, 96]", "--out", str(finished.path / "x"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "simcc_x" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (finished.path / "x").exists()
