"""A cache is packed in one place and adopted in another, where the teacher itself is not."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from conftest import Workdir, mini_config
from posecache import logits

TEACHERS = ("teacher-coco", "teacher-mpii")
SETS = ("coco-train", "mpii-train")
STUDENT = "out/models/unified-t"
CARD = f"{STUDENT}/card.json"


def posecache(*arguments: object) -> None:
    command = [sys.executable, "-c", "from posecache.cli import main; main()"]
    subprocess.run([*command, *map(str, arguments)], check=True, capture_output=True)


def there() -> dict[str, Any]:
    """The miniature's unified student, where pictures lie elsewhere and teachers are caches."""
    record = mini_config()
    for key in ("demo", "tables", "cache"):
        del record[key]
    for samples in record["samples"].values():
        for key in ("annotations", "images"):
            samples[key] = samples[key].replace("data/demo", "my/pictures")
    record["results"] = "out"
    record["teachers"] = {name: {"logits": f"bought/{name}"} for name in TEACHERS}
    record["students"] = {"unified-t": record["students"]["unified-t"]}
    return record


@pytest.fixture(scope="module")
def adopted(finished: Workdir, tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """Another folder, with the data and the caches of the finished one, and its student."""
    workdir = Workdir(tmp_path_factory.mktemp("elsewhere"))
    shutil.copytree(finished.path / "data" / "demo", workdir.path / "my" / "pictures")
    for teacher in TEACHERS:
        for name in SETS:
            file = workdir.path / f"{teacher}.{name}.tar"
            posecache("pack", finished.path / "results/logits" / teacher / name, file)
            posecache("unpack", file, workdir.path / "bought" / teacher / name)
    workdir.configure(there())
    done = workdir.snakemake("--cores", "2", CARD)
    assert done.returncode == 0, done.stdout + done.stderr
    return workdir


def test_the_student_is_the_same_to_the_bit(finished: Workdir, adopted: Workdir) -> None:
    ours, theirs = (adopted.path / STUDENT, finished.path / "results/models/unified-t")
    for name in ("weights.pt", "model.onnx", "card.json"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()
    assert json.loads((ours / "card.json").read_text())["extra"]["training"]


def test_nothing_of_a_teacher_is_made(adopted: Workdir) -> None:
    made = {str(path.relative_to(adopted.path)) for path in (adopted.path / "out").rglob("*.json")}
    assert not any("teacher" in path for path in made)
    assert adopted.plan(CARD) == set()
    assert adopted.planned(target="out/scores/unified-t/coco.json") == {
        "out/samples/coco-val/manifest.json",
        "out/logits/unified-t/coco-val/manifest.json",
        "out/scores/unified-t/coco.json",
    }


def test_a_copied_cache_is_the_same_and_another_one_trains_its_student_again(
    adopted: Workdir, finished: Workdir
) -> None:
    store = adopted.path / "bought/teacher-coco/coco-train"
    shutil.copytree(store, adopted.path / "kept")
    shutil.rmtree(store)
    shutil.copytree(adopted.path / "kept", store, copy_function=shutil.copyfile)
    assert adopted.plan(CARD) == set()
    shutil.rmtree(store)
    posecache("pack", adopted.path / "kept", adopted.path / "file", "--encoding", "compact")
    posecache("unpack", adopted.path / "file", store)
    assert logits.open(store).identity["encoding"] == "compact"
    assert adopted.plan(CARD) == {CARD}
    shutil.rmtree(store)
    (adopted.path / "kept").rename(store)
    assert adopted.plan(CARD) == set()


def test_caches_of_other_people_and_absent_ones_are_told_before_any_job(adopted: Workdir) -> None:
    folder, log = adopted.path / "bought/teacher-mpii", "out/logs/train_student/unified-t.log"
    written = (adopted.path / log).stat().st_mtime_ns
    (folder / "coco-train").rename(folder / "kept")
    done = adopted.snakemake("--dry-run", CARD)
    told = "teachers.teacher-mpii.logits: bought/teacher-mpii/coco-train: not sealed: there is no"
    assert any(told in line for line in (done.stdout + done.stderr).splitlines())
    shutil.copytree(folder / "mpii-train", folder / "coco-train")
    done = adopted.snakemake("--cores", "1", CARD)
    shutil.rmtree(folder / "coco-train")
    (folder / "kept").rename(folder / "coco-train")
    assert done.returncode == 1
    told = "bought/teacher-mpii/coco-train: made from other samples than out/samples/coco-train"
    assert any(told in line for line in done.stderr.splitlines())
    assert "Traceback" not in done.stderr
    assert (adopted.path / log).stat().st_mtime_ns == written
