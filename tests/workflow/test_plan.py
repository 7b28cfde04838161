"""`posecache plan` tells before a run what Snakemake will run, and how large it will be."""

import copy
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Workdir, mini_config
from posecache import config
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.doctor import examination
from posecache.estimates.outlook import Outlook

COMMAND = "from posecache.cli import main; main()"


def outlook(record: dict[str, Any]) -> Outlook:
    return Outlook(Stages(Places(config.parse(record))))


@pytest.fixture
def folder(finished: Workdir, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The finished miniature, of which other tests may have changed the configuration's file."""
    monkeypatch.chdir(finished.path)
    finished.configure(mini_config())
    return finished.path


def ahead(record: dict[str, Any]) -> set[str]:
    """The outputs of the jobs ahead; a table has a second one."""
    outputs = {job.output for job in outlook(record).ahead}
    tables = {o.replace(".csv", ".md") for o in outputs if "/tables/" in o}
    return outputs | tables


def test_the_jobs_ahead_are_those_that_snakemake_runs(finished: Workdir, folder: Path) -> None:
    """Table 1 stands, the other tables do not; alpha changes, and stores were removed: one that
    further scores want, and one that none does."""
    record = mini_config()
    assert ahead(record) == finished.plan()
    record["students"]["unified-t"]["distil"]["alpha"] = 0.5
    stores = [f"results/logits/{name}" for name in ("coco-t/mpii-val", "mpii-t/mpii-val")]
    for store in stores:
        Path(store).rename(f"{store}.put-away")
    try:
        finished.configure(record)
        planned, found = finished.plan(), outlook(record)
        assert ahead(record) == planned
        assert [f"{store}/manifest.json" in planned for store in stores] == [True, False]
        states = {line.name: line.state for line in found.lines}
        assert states["coco-t / mpii-val"] == "to make"
        assert states["mpii-t / mpii-val"] == "not needed"
        assert states["unified-t / mpii-val"] == states["unified-t"] == "made anew"
    finally:
        for store in stores:
            Path(f"{store}.put-away").rename(store)
        finished.configure(mini_config())


def test_the_bytes_and_files_of_stores_are_those_that_were_told(folder: Path) -> None:
    found, compared = outlook(mini_config()), 0
    for job in found.jobs:
        if job.thing.kind not in ("logits", "samples") or not Path(job.output).exists():
            continue
        written = [path for path in Path(job.output).parent.rglob("*") if path.is_file()]
        told = found.size([job])
        left = [path for path in written if ".lock" in path.name]
        assert told.files == len(written) - len(left), job.output
        if job.thing.kind == "logits":
            real = sum(path.stat().st_size for path in written)
            assert told.bytes == pytest.approx(real, rel=0.05), job.output
            compared += 1
    assert compared >= 10


def test_the_work_ahead_by_hand(folder: Path) -> None:
    """Two epochs instead of one, of the persons of two sample sets."""
    record = copy.deepcopy(mini_config())
    record["students"]["unified-t"]["training"] = {"epochs": 2}
    record["compute"]["speeds"] = {"train": {"unified-t": 10.0}}
    found = outlook(record)
    job = next(job for job in found.ahead if job.thing.names == ("unified-t",))
    rows = [len(list_of(folder, name)) for name in ("coco-train", "mpii-train")]
    work = found.work(job)
    assert (work.passes, work.known) == (2 * sum(rows), "stated")
    assert found.state(job) == "made anew"
    others = [job for job in found.jobs if job.thing.names == ("mpii-t",)]
    assert [found.work(other).known for other in others] == ["measured"]


def list_of(folder: Path, samples: str) -> Any:
    from posecache import samples as stores

    return stores.open(folder / "results/samples" / samples).column("instance_id")


def test_the_table_that_is_shown(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "plan", "--jobs", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    row = next(line for line in lines if "teacher-coco / coco-train" in line)
    assert re.search(r"logits +teacher-coco / coco-train +stands +\d+ +prepared$", row)
    row = next(line for line in lines if line.startswith("model") and "coco-t-short" in line)
    assert re.search(r"to make +\d+ +prepared +\d+ +[\d.]+ MB +8 +\d+ s +\d+/s measured of", row)
    assert "2 at a time" in done.stdout
    assert done.stderr == ""


def test_a_fresh_folder_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = outlook(mini_config())
    assert found.ahead == found.jobs
    assert {line.state for line in found.lines} == {"to make"}
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_job_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun = [Path("results/models/coco-t/checkpoint.pt"),
             Path("results/logits/teacher-coco/coco-train/ledger/plan.json")]  # fmt: skip
    for path in begun:
        path.parent.mkdir(parents=True)
        path.touch()
    names = {line.name for line in outlook(mini_config()).lines if line.state == "begun"}
    assert names == {"coco-t", "teacher-coco / coco-train"}


def test_the_doctor_sees_a_picture_that_changed_since(folder: Path) -> None:
    """What is ahead reads the pictures of the validation set again."""
    found = list(examination.of_experiment(Path("config.yaml")))
    assert {finding.level for finding in found} <= {"ok", "warn"}
    told = [finding.found for finding in found if finding.what == "pictures"]
    assert "coco-val: its first 12 are whole" in told
    picture = Path("data/demo/coco/val/000000000001.jpg")
    content = picture.read_bytes()
    picture.write_bytes(content + b"x")
    try:
        found = list(examination.of_experiment(Path("config.yaml")))
    finally:
        picture.write_bytes(content)
    (failed,) = [finding for finding in found if finding.level == "FAIL"]
    assert failed.found.startswith(f"coco-val: 1 of its first 12: {picture}: is not the picture")
