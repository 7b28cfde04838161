"""Which outputs a change of the configuration makes again: only those that depend on it."""

from typing import Any

import pytest

from conftest import TABLE, Workdir, mini_config
from posecache import files

TABLES = {TABLE, "results/tables/table1.md"}


def after_training(*models: str, benchmarks: tuple[str, ...] = ("coco", "mpii")) -> set[str]:
    """Retrained models, their logits on the validation sets, scores, and the table."""
    outputs = set(TABLES)
    for model in models:
        outputs.add(f"results/models/{model}/card.json")
        for benchmark in benchmarks:
            outputs.add(f"results/scores/{model}/{benchmark}.json")
            sampleset = f"{benchmark.split('-')[0]}-val"
            outputs.add(f"results/logits/{model}/{sampleset}/manifest.json")
    return outputs


def test_no_change_no_job(finished: Workdir) -> None:
    assert finished.planned() == set()


def test_alpha_reruns_only_the_student_that_uses_it(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["students"]["unified-t"]["distil"]["alpha"] = 0.5

    assert finished.planned(change) == after_training("unified-t")


def test_validation_reruns_nothing_and_needs_no_scores(finished: Workdir) -> None:
    """Not even where the people to validate on change."""

    def change(record: dict[str, Any]) -> None:
        record["training"]["validate_epochs"] = 1

    assert finished.planned(change) == set()

    def more(record: dict[str, Any]) -> None:
        change(record)
        record["demo"]["sets"]["coco-val"]["images"] = 13

    planned = finished.planned(more)
    assert "results/samples/coco-val/manifest.json" in planned
    assert not any(path.startswith("results/models/") for path in planned)


def test_a_model_that_is_validated_says_so(finished: Workdir) -> None:
    models = finished.path / "results" / "models"
    headings = {name: (models / name / "history.csv").read_text().splitlines()[0].split(",")
                for name in ("mpii-t", "coco-t")}  # fmt: skip
    assert {"val/mpii", "val/coco-shared12"} <= set(headings["mpii-t"])
    assert not any(name.startswith("val/") for name in headings["coco-t"])
    assert (models / "mpii-t" / "best.pt").exists()
    score = files.read_json(finished.path / "results/scores/mpii-t/mpii.json")["metrics"]["mean"]
    last = (models / "mpii-t" / "history.csv").read_text().splitlines()[-1].split(",")
    column = headings["mpii-t"].index("val/mpii")
    assert float(last[column]) == pytest.approx(score, abs=2)


def test_a_teachers_beta_reruns_only_the_student_that_uses_it(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["students"]["unified-s"]["distil"]["teachers"]["teacher-mpii"] = 0.3

    assert finished.planned(change) == after_training("unified-s")


def test_one_models_recipe_reruns_that_model(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["students"]["coco-t"]["training"] = {"epochs": 2}

    benchmarks = ("coco", "mpii-shared12")
    assert finished.planned(change) == after_training("coco-t", benchmarks=benchmarks)


def test_a_new_teacher_reruns_its_caches_and_the_students(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["teachers"]["teacher-mpii"]["train"]["training"] = {"seed": 7}

    planned = finished.planned(change)
    caches = {
        f"results/logits/teacher-mpii/{s}/manifest.json" for s in ("coco-train", "mpii-train")
    }
    assert caches <= planned
    assert after_training("unified-t", "unified-s") <= planned
    others = {path for path in planned if "teacher-coco" in path or "samples" in path}
    assert others == set()


def test_without_the_flip_test_only_models_with_teachers_are_retrained(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["logits"]["flip"] = False

    planned = finished.planned(change)
    models = {path for path in planned if path.startswith("results/models/")}
    assert models == {f"results/models/unified-{size}/card.json" for size in ("t", "s")}
    assert not any(path.startswith(("results/samples/", "data/")) for path in planned)


def test_a_benchmarks_setting_reruns_scores_alone(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        for name in ("coco", "coco-shared12"):  # of one column
            record["benchmarks"][name]["nms"] = None

    planned = finished.planned(change)
    scores = {path for path in planned if path.startswith("results/scores/")}
    assert planned == scores | TABLES
    assert {path.rpartition("/")[2] for path in scores} == {"coco.json", "coco-shared12.json"}


def test_more_memory_and_other_batches_of_inference_rerun_nothing(finished: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["compute"]["memory_mb"] = 3000
        record["logits"]["batch"] = 4

    assert finished.planned(change) == set()


def test_a_wrong_configuration_is_one_line_before_any_job(finished: Workdir) -> None:
    record = mini_config()
    record["students"]["unified-t"]["distil"]["alhpa"] = 0.3
    finished.configure(record)
    done = finished.snakemake("--cores", "2", TABLE)
    finished.configure(mini_config())
    assert done.returncode == 1
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "alhpa" in line]
    assert len(lines) == 1
    assert "students.unified-t.distil.alhpa: unknown key" in lines[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_other_views_rerun_the_teachers_training_caches_and_their_students(
    finished: Workdir,
) -> None:
    def change(record: dict[str, Any]) -> None:
        record["logits"]["views"] = {"rotations": [0, 90]}

    planned = finished.planned(change)
    caches = {path for path in planned if path.startswith("results/logits/teacher")}
    assert caches == {
        f"results/logits/{teacher}/{samples}/manifest.json"
        for teacher in ("teacher-coco", "teacher-mpii")
        for samples in ("coco-train", "mpii-train")
    }
    assert after_training("unified-t", "unified-s") <= planned
    assert "results/models/mpii-t/card.json" not in planned


def test_a_model_is_trained_after_the_one_that_it_starts_from(finished: Workdir) -> None:
    def start(record: dict[str, Any]) -> None:
        record["students"]["unified-s"]["init"] = "coco-t"

    own = after_training("unified-s")
    assert finished.planned(start) == own

    def change(record: dict[str, Any]) -> None:
        start(record)
        record["students"]["coco-t"]["training"] = {"seed": 5}

    first = after_training("coco-t", benchmarks=("coco", "mpii-shared12"))
    assert finished.planned(change) == own | first
