"""The workflow on a real Slurm of two emulated nodes, by the profiles that users have."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import pytest
import toy_slurm
from toy_slurm import Slurm

from conftest import ROOT, Workdir, mini_config
from posecache import logits
from posecache.config.starting import has_driver
from posecache.files import read_json
from posecache.logits.settings import Caching, Views
from posecache.stores.manifest import verify

pytestmark = pytest.mark.skipif(toy_slurm.missing() is not None, reason=str(toy_slurm.missing()))

STORE = "results/logits/teacher-coco/coco-train"
MANIFEST = f"{STORE}/manifest.json"
MODEL = "results/models/coco-t"
LOG = "results/logs/train_student/coco-t.log"
CACHE_LOG = "results/logs/cache_logits/teacher-coco/coco-train.log"
# A test is in more of a hurry than a user.
SLURM = ["--slurm-init-seconds-before-status-checks", "8"]
GENERIC = ["--seconds-between-status-checks", "2"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with toy_slurm.running(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def work(finished: Workdir, slurm: Slurm, tmp_path: Path) -> Workdir:
    """A copy of the finished miniature, from which jobs go to the cluster."""
    shutil.copytree(finished.path, tmp_path / "work")
    return Workdir(tmp_path / "work", slurm.environment)


def submitting(profile: str, *arguments: str) -> list[str]:
    """The command line of a run by a profile."""
    options = SLURM if profile == "slurm" else GENERIC
    return [
        "--workflow-profile", str(ROOT / "profiles" / profile), *options, "--latency-wait", "10",
        "--", *arguments,
    ]  # fmt: skip


def store(workdir: Workdir) -> dict[str, Any]:
    """What a logit store's manifest says, but for how fast it was made."""
    manifest = read_json(workdir.path / MANIFEST)
    return {k: v for k, v in manifest.items() if k not in ("runtime", "digest")}


def wait(condition: Callable[[], Any], patience: float = 1800) -> None:
    """Go on once something is so."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def number(slurm: Slurm, rule: str) -> str:
    """The running job of a rule, of those that profiles/cluster-generic has submitted."""
    found = [line.split() for line in slurm.queue("%i %T %j")]
    (job,) = [i for i, state, name in found if (state, name) == ("RUNNING", f"posecache-{rule}")]
    return job


def test_two_nodes_fill_one_store_and_train_to_the_bytes_of_a_local_run(
    finished: Workdir, work: Workdir, slurm: Slurm
) -> None:
    record = mini_config()
    record["logits"]["jobs"] = 2
    work.configure(record)
    for folder in (STORE, MODEL):
        shutil.rmtree(work.path / folder)
    apart = ["--set-resources", "cache_logits:mem_mb=40000"]  # one node has no room for two
    done = work.snakemake(*apart, *submitting("slurm", MANIFEST, f"{MODEL}/card.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    ran = dict(line.split() for line in slurm.queue("%k %N,%T"))
    assert {where for job, where in ran.items() if "rule_cache_logits" in job} == {
        "n1,COMPLETED",
        "n2,COMPLETED",
    }
    names = sorted(re.sub("_wildcards.*", "", job) for job in ran)
    assert names == ["rule_cache_logits"] * 2 + ["rule_seal_logits", "rule_train_student"]
    assert json.dumps(store(work)) == json.dumps(store(finished))
    assert verify(work.path / STORE) == []
    for file in ("model.onnx", "weights.pt"):
        assert (work.path / MODEL / file).read_bytes() == (
            finished.path / MODEL / file
        ).read_bytes()


def text(file: Path) -> str:
    """What a log says; a retried job begins its own anew."""
    with suppress(FileNotFoundError):
        return file.read_text()
    return ""


def test_cancelled_jobs_and_those_over_their_time_go_on(work: Workdir, slurm: Slurm) -> None:
    """By the profile for any scheduler. Ctrl-C at the end cancels what runs."""
    record = mini_config()
    record["students"]["coco-t"]["training"] = {"epochs": 100_000}
    record["logits"]["views"] = {"rotations": list(range(80)), "merge": "mean"}
    work.configure(record)
    ledger, trained = work.path / STORE / "ledger", work.path / LOG
    trained.unlink()
    with work.start(*submitting("cluster-generic", MANIFEST, f"{MODEL}/card.json")) as running:
        try:
            wait(lambda: list(ledger.glob("[0-9]*.json")))
            slurm.ask("scancel", number(slurm, "cache_logits"))
            wait(lambda: "step/s" in text(trained))
            limited = number(slurm, "train_student")
            slurm.ask("scontrol", "update", f"JobId={limited}", "EndTime=now")
            wait(lambda: "goes on from" in text(trained))
            wait(lambda: "posecache-cache_logits COMPLETED" in slurm.queue("%j %T"))
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate()
    assert "goes on from 1 of 2 shards" in text(work.path / CACHE_LOG)
    wait(lambda: not slurm.ask("squeue", "--noheader"))
    assert sorted(job for job in slurm.queue("%j %T") if job.startswith("posecache")) == [
        "posecache-cache_logits CANCELLED",
        "posecache-cache_logits COMPLETED",
        "posecache-train_student CANCELLED",
        "posecache-train_student TIMEOUT",
    ]
    assert store(work)["shards"] == looked_alone(work, record["logits"]["views"])


def looked_alone(work: Workdir, views: dict[str, Any]) -> Any:
    """The checksums of the same logits, made by one undisturbed process."""
    settings = Caching(views=Views(**views), chunk_rows=8, shard_rows=16)
    model, samples = work.path / "results/models/teacher-coco", "results/samples/coco-train"
    with chdir(work.path):
        logits.cache(model, work.path / samples, work.path / "alone", settings, batch=8)
    return read_json(work.path / "alone/manifest.json")["shards"]


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_gpus_are_asked_for_and_a_failed_jobs_own_line_is_told_at_the_end(
    finished: Workdir, slurm: Slurm, tmp_path: Path
) -> None:
    """By --gpus and by --gres, side by side."""
    record = mini_config()
    record["compute"]["device"] = "cuda"
    record["students"]["coco-t"] |= {"training": {"epochs": 2}, "gpus": 2}
    target, runs = submitting("slurm", f"{MODEL}/card.json"), []
    for name, compute in (("gpus", {}), ("gres", {"gres": "gpu"})):
        work = Workdir(shutil.copytree(finished.path, tmp_path / name), slurm.environment)
        work.configure(record | {"compute": record["compute"] | compute})
        runs.append(work.start("--retries", "0", *target))
    ends = [run.communicate()[1].splitlines()[-8:] for run in runs]
    told = "error: device cuda: PyTorch finds no CUDA device; cpu says that a CPU will do"
    assert all(f"train_student coco-t: {told}" in end for end in ends)
    asked = ("squeue", "--noheader", "--states=FAILED", "--Format")
    whole, by_node = (slurm.ask(*asked, f"tres-per-{what}:30") for what in ("job", "node"))
    assert sorted(whole.split()) == sorted(by_node.split()) == ["N/A", "gres:gpu:2"]


def test_the_plain_jobs_of_the_docs_make_a_scored_student(
    finished: Workdir, slurm: Slurm, tmp_path: Path
) -> None:
    (lines,) = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/clusters.md").read_text(), re.DOTALL)
    for place in ("workflow_scripts", "teachers"):
        (tmp_path / place).symlink_to(ROOT / place)
    (tmp_path / "data").symlink_to(finished.path / "data")
    assert "--shard-rows 64" in lines
    lines = lines.replace("--shard-rows 64", "--chunk-rows 8 --shard-rows 8")
    subprocess.run(["bash", "-euc", lines], cwd=tmp_path, check=True, env=slurm.environment)
    wait(lambda: "score COMPLETED" in slurm.queue("%j %T") or stuck(slurm))
    scores = read_json(tmp_path / "results/scores/student/coco.json")
    assert 0 <= scores["metrics"]["AP"] <= 100
    assert verify(tmp_path / "results/logits/teacher-coco/coco-train") == []


def stuck(slurm: Slurm) -> bool:
    """Whether a job waits for one that has failed."""
    return "DependencyNeverSatisfied" in slurm.queue("%r")
