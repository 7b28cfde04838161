"""What is made again is told by content: folders may be copied, moved, restored and mixed up."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import TABLE, Workdir, mini_config
from posecache import records

MODEL = "results/models/unified-t"
SCORE = "results/scores/unified-t/coco.json"


@pytest.fixture
def copy(finished: Workdir, tmp_path: Path) -> Workdir:
    """The finished miniature as a copy elsewhere: every time is new, and in no order."""
    names = ("config.yaml", "data", "results")
    for name in names:
        source = finished.path / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, tmp_path / name)
    for moment, path in enumerate(sorted(tmp_path.rglob("*"), reverse=True), start=1):
        os.utime(path, (moment, moment))
    return Workdir(tmp_path)


def alpha(record: dict[str, Any]) -> None:
    record["students"]["unified-t"]["distil"]["alpha"] = 0.5


def after(*outputs: str) -> set[str]:
    return {*outputs, TABLE, TABLE.replace(".csv", ".md")}


def test_a_copy_is_finished_and_a_new_alpha_is_noticed_there(copy: Workdir) -> None:
    assert copy.planned() == set()
    planned = copy.planned(alpha)
    assert f"{MODEL}/card.json" in planned
    assert len(planned) == 7


def test_results_may_be_moved_to_another_folder(copy: Workdir) -> None:
    (copy.path / "results").rename(copy.path / "moved")

    def elsewhere(record: dict[str, Any]) -> None:
        record["results"] = record["cache"] = "moved"

    assert copy.planned(elsewhere, TABLE.replace("results", "moved")) == set()


def test_a_restored_memory_of_snakemake_is_not_believed(copy: Workdir) -> None:
    other, memory = mini_config(), copy.path / ".snakemake"
    for name in ("coco", "coco-shared12"):
        other["benchmarks"][name]["nms"] = None
    for record in (other, mini_config()):
        copy.configure(record)
        done = copy.snakemake("--cores", "2", SCORE)
        assert done.returncode == 0, done.stdout + done.stderr
        if record is other:
            shutil.copytree(memory, copy.path / "kept")
    shutil.rmtree(memory)
    (copy.path / "kept").rename(memory)
    assert copy.plan(SCORE) == set()
    copy.configure(other)
    assert copy.plan(SCORE) == {SCORE}


@pytest.mark.parametrize(
    ("spoil", "planned"),
    [
        # Another model's folder in place of one.
        (lambda folder: _replace(folder / MODEL, folder / "results/models/coco-t"),
         {f"{MODEL}/card.json", SCORE}),
        # A card by itself, older than what was made from it.
        (lambda folder: _edit(folder / MODEL / "card.json"), {f"{MODEL}/card.json", SCORE}),
        (lambda folder: _edit(folder / SCORE), {SCORE}),
        (lambda folder: records.path_of(folder / SCORE).unlink(), {SCORE}),
        # An annotation file that is not what the demo rendered.
        (lambda folder: _edit(folder / "data/demo/coco/annotations/person_keypoints_val.json"),
         {"data/demo/coco/annotations/person_keypoints_val.json",
          "results/samples/coco-val/manifest.json", SCORE}),
    ],
    ids=["folder", "card", "score", "record", "annotations"],
)  # fmt: skip
def test_what_was_put_in_place_of_something_is_made_again(
    copy: Workdir, spoil: Callable[[Path], None], planned: set[str]
) -> None:
    spoil(copy.path)
    found = copy.plan(TABLE)
    assert planned | after() <= found
    assert "results/models/coco-t/card.json" not in found


def _replace(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def _edit(path: Path) -> None:
    """Change the content, and let the file look old."""
    path.write_text(path.read_text() + " ")
    os.utime(path, (0, 0))


def test_caches_may_be_removed_to_save_space(copy: Workdir) -> None:
    shutil.rmtree(copy.path / "results" / "logits")
    assert copy.planned() == set()
    planned = copy.planned(alpha)
    assert f"{MODEL}/card.json" in planned
    assert "results/logits/teacher-coco/coco-train/manifest.json" in planned
    assert "results/models/teacher-coco/card.json" not in planned


def test_a_stale_output_from_the_future_is_noticed(copy: Workdir) -> None:
    os.utime(copy.path / SCORE, (2**32, 2**32))
    assert copy.plan(SCORE) == set()
    _edit(copy.path / SCORE)
    os.utime(copy.path / SCORE, (2**32, 2**32))
    assert copy.plan(SCORE) == {SCORE}


def test_a_cache_that_is_made_again_is_the_same(copy: Workdir) -> None:
    """Only the new student needs it: what stands and is current is not touched."""
    store = "results/logits/teacher-coco/coco-train"
    shutil.rmtree(copy.path / store)

    def more(record: dict[str, Any]) -> None:
        record["students"]["more"] = record["students"]["unified-t"] | {"training": {"seed": 4}}

    planned = copy.planned(more, "results/models/more/card.json")
    assert planned == {f"{store}/manifest.json", "results/models/more/card.json"}
    done = copy.snakemake("--cores", "2", f"{store}/manifest.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert copy.plan(TABLE) == set()


def test_after_a_kill_all_that_follows_is_made(copy: Workdir) -> None:
    """A run that was told to train again is killed; what follows from it is missing."""
    log = copy.path / "results/logs/train_student/unified-t.log"
    log.unlink()
    told = ("--cores", "1", "--forcerun", f"{MODEL}/card.json", "--", TABLE)
    with copy.start(*told) as running:
        while not log.exists():
            assert running.poll() is None
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)
    (copy.path / SCORE).unlink()
    (copy.path / TABLE).unlink()
    copy.snakemake("--unlock")
    assert {f"{MODEL}/card.json", SCORE, TABLE} <= copy.plan(TABLE)


def test_a_named_rule_is_run_again_with_all_that_follows(copy: Workdir) -> None:
    found = copy.plan("--forcerun", "score", "--", TABLE)
    assert after(SCORE) <= found
    assert not any(path.startswith("results/models") for path in found)


def test_a_stage_that_refuses_its_input_leaves_what_stood(copy: Workdir) -> None:
    """The next run tries again; with the input as it was, nothing is to be done."""
    record = mini_config()
    record["samples"]["coco-val"]["images_list"] = "list.txt"
    (copy.path / "list.txt").write_text("no such picture\n")
    manifest = "results/samples/coco-val/manifest.json"
    before = {p: p.read_bytes() for p in (copy.path / manifest).parent.rglob("*") if p.is_file()}
    copy.configure(record)
    done = copy.snakemake("--cores", "2", manifest)
    assert done.returncode == 1
    assert "error: " in (copy.path / "results/logs/prepare_samples/coco-val.log").read_text()
    after = {p: p.read_bytes() for p in (copy.path / manifest).parent.rglob("*") if p.is_file()}
    assert after == before
    assert manifest in copy.plan(manifest)
    copy.configure(mini_config())
    assert copy.plan(manifest) == set()
