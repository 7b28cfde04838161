"""Dry runs of the experiments that are shipped: one command plans every table."""

import csv
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, Workdir
from posecache import config, skeletons
from posecache.config.places import Places
from posecache.config.stages import Stages

PAPER = {f"table{number}" for number in range(1, 6)}
REPORT = {f"report_table{number}" for number in range(2, 6)}
EXPERIMENTS = {
    "paper": PAPER,
    "authors-code": PAPER,
    "report": PAPER | REPORT,
    "crowdpose": PAPER | {"crowdpose"},
}


def load(name: str) -> config.Config:
    return config.load(ROOT / "configs" / f"{name}.yaml")


def lay_out(folder: Path, experiment: config.Config) -> None:
    """Make empty files in all places where the user's own belong."""
    paths = [teacher.weights for teacher in experiment.imported.values()]
    paths += [student.init.weights for student in experiment.students.values() if student.init]
    paths += [table.published for table in experiment.tables.own.values() if table.published]
    for samples in experiment.samples.values():
        boxes = samples.boxes if samples.boxes != "gt" else None
        paths += [p for p in (samples.annotations, boxes, samples.head_boxes) if p]
    published = (entry.published for entry in experiment.tables.own.values())
    paths += [path for path in published if path]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def dry_run(folder: Path, name: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(ROOT / "configs" / f"{name}.yaml"), "--dry-run"]
    command += ["--workflow-profile", str(ROOT / "profiles" / "gpu")]
    done = subprocess.run(
        [*command, "--cores", "16", "--directory", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_one_command_plans_every_table(tmp_path: Path, name: str) -> None:
    experiment = load(name)
    lay_out(tmp_path, experiment)
    plan = dry_run(tmp_path, name)
    for table in PAPER | REPORT | {"crowdpose"}:
        path = rf"output: \S+/tables/{table}\.csv"
        assert bool(re.search(path, plan)) == (table in EXPERIMENTS[name]), table
    assert "make_demo" not in plan


def test_jobs_ask_for_memory_by_the_size_of_their_crops(tmp_path: Path) -> None:
    lay_out(tmp_path, load("paper"))
    plan = dry_run(tmp_path, "paper").split("rule ")
    asked = {
        name: {int(text.split("mem_mb=")[1].split(",")[0]) for text in plan if key in text}
        for name, key in {
            "mpii": "/logits/rtmpose-m-mpii/", "coco": "/logits/rtmpose-m-coco/",
            "train": "logs/train_student/",
        }.items()
    }  # fmt: skip
    # 64 crops of 256x256 and 192x256 px, three shards of 1024 rows, 896 looks under way (four of
    # each of 192 persons, and two batches), 3000 for CUDA.
    assert asked["mpii"] >= {800 + round(1677.72 + 201.33 + 293.60) + 3000}
    assert asked["coco"] >= {800 + round(1258.29 + 187.17 + 241.32) + 3000}
    # Windows of 2048 crops of at most 704 px, with two teachers' logits or none.
    kept = load("paper").compute.memory_mb
    assert asked["train"] == {kept + windows + 1350 + 3000 for windows in (3045, 3304)}


def test_the_papers_weights_and_recipe() -> None:
    paper = load("paper")
    for size in "ts":
        student = paper.students[f"rtmpose-{size}-unified"]
        assert student.distil is not None
        assert student.distil.alpha == 0.30
        assert student.distil.teachers == {"rtmpose-m-coco": 0.45, "rtmpose-m-mpii": 0.25}
        recipe = paper.recipe(f"rtmpose-{size}-unified")
        assert (recipe.variant, recipe.epochs, recipe.batch_size) == (size, 420, 256)
        assert (recipe.lr, recipe.warmup_steps, recipe.final_epochs) == (4e-3, 1000, 30)
        assert recipe.ema == {"t": None, "s": 0.0002}[size]
        assert paper.skeleton(f"rtmpose-{size}-unified") == "coco17+mpii16"
    assert {t.crop for t in paper.imported.values()} == {"native"}
    assert paper.samples["coco2017-val"].boxes.endswith("AP_H_56_person.json")
    assert paper.samples["halpe-val2017"].boxes == "gt"


def test_the_authors_code_differs_where_it_says() -> None:
    authors, paper = load("authors-code"), load("paper")
    student = authors.students["rtmpose-t-unified"]
    assert student.distil is not None
    assert student.distil.mode == "authors-code"
    assert list(student.distil.teachers.items()) == [  # the decay reaches the last one
        ("rtmpose-m-coco", 0.25),
        ("rtmpose-m-mpii", 0.45),
    ]
    assert authors.crop_size("rtmpose-m-mpii") == (192, 256)
    assert authors.logits.flip is False
    for name, student in authors.students.items():
        changes = {"batch_size": 128, "drop_last": False, "weight_decay": 0.05}
        changes["clip"] = None if student.distil is None else 1.0
        assert authors.recipe(name) == paper.recipe(name).model_copy(update=changes)
        assert student.init is not None
        size = {"t": "tiny", "s": "s"}[name.split("-")[1]]
        assert student.init.weights.startswith(
            f"backbones/cspnext-{size}_udp-aic-coco_210e-256x192-"
        )
        assert student.init.part == "backbone"
        assert paper.students[name].init is None


def test_the_reports_short_runs_learn_from_home_made_teachers() -> None:
    report = load("report")
    student = report.students["rtmpose-s-unified-50e"]
    assert student.distil is not None
    assert set(student.distil.teachers) == {"rtmpose-m-coco-home", "rtmpose-m-mpii-home"}
    assert report.recipe("rtmpose-s-unified-50e").epochs == 50
    sizes: dict[str, Any] = {}
    for name in student.distil.teachers:
        assert report.recipe(name).epochs == 100
        sizes[name] = report.recipe(name).input_size
    assert sizes == {"rtmpose-m-coco-home": (192, 256), "rtmpose-m-mpii-home": (256, 256)}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_configuration_does_not_rest_on_the_demos(name: str) -> None:
    record = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text())
    assert "demo" not in record
    assert load(name).demo is None


def test_a_small_student_of_crowds_beside_the_published_numbers(tmp_path: Path) -> None:
    study, workdir = load("crowdpose"), Workdir(tmp_path)
    lay_out(tmp_path, study)
    path, target = ROOT / "configs" / "crowdpose.yaml", f"{study.results}/tables/crowdpose.csv"
    planned = workdir.plan("--configfile", str(path), "--", target)
    trained = {Path(job).parent.name for job in planned if "/models/rtmpose-t" in job}
    assert trained == {f"rtmpose-t-crowdpose{kind}" for kind in ("", "-taught", "-unified")}
    assert not any("coco2017" in job or "mpii-official" in job for job in planned)
    table = study.tables.own["crowdpose"]
    header, *rows = csv.reader((ROOT / str(table.published)).read_text().splitlines())
    assert set(header) <= {"model", *table.columns}
    assert {row[0] for row in rows} <= set(table.rows)
    assert study.skeleton("rtmpose-t-crowdpose-taught") == "crowdpose14"
    found = skeletons.load(study.skeleton("rtmpose-t-crowdpose-unified"))
    assert set(found.keypoints) == set(skeletons.load("coco17+mpii16").keypoints)


def test_crowds_are_rendered_beside_the_demo_which_stays_as_it_is(tmp_path: Path) -> None:
    study, workdir = load("refine"), Workdir(tmp_path)
    (tmp_path / "teachers").symlink_to(ROOT / "teachers")
    path = ROOT / "configs" / "refine.yaml"
    score = f"{study.results}/scores/unified-t/crowdpose.json"
    planned = workdir.plan("--configfile", str(path), "--", score)
    demo = Stages(Places(config.load(ROOT / "config.yaml")))
    shared = {job for job in planned if job.startswith("results/models/")}
    assert shared == {
        demo.job("model", name).output
        for name in ("teacher-coco", "teacher-mpii", "backbone-t", "unified-t")
    }
    assert {job for job in planned if "crowdpose" in job} == {
        "data/demo/crowdpose/annotations/crowdpose_val.json",
        "results/samples/crowdpose-val/manifest.json",
        f"{study.results}/logits/unified-t/crowdpose-val/manifest.json",
        score,
    }


def test_rivals_are_run_over_what_they_are_scored_on(tmp_path: Path) -> None:
    study = load("rivals")
    lay_out(tmp_path, study)
    plan = dry_run(tmp_path, "rivals")
    for rival in study.tables.rivals:
        for samples in ("halpe-val2017", "coco2017-val", "mpii-official-val"):
            assert f"output: results/logits/{rival}/{samples}/manifest.json" in plan
        assert f"logits/{rival}/coco2017-train" not in plan
    for table in ("table5", "rivals"):
        assert f"output: results/rivals/tables/{table}.csv" in plan
        models = [row.model for row in study.filled_tables[table].rows]
        assert models[-3:] == [f"rtmpose-{size}-halpe26" for size in "tsm"]


def test_each_ablation_is_one_student_beside_the_demos(tmp_path: Path) -> None:
    study, workdir = load("ablations"), Workdir(tmp_path)
    ablations = {name for name in study.students if name not in load("demo-seeds").students}
    (tmp_path / "teachers").symlink_to(ROOT / "teachers")
    path, target = ROOT / "configs" / "ablations.yaml", f"{study.results}/tables/ablations.csv"
    planned = workdir.plan("--configfile", str(path), "--", target)
    own = f"{study.results}/models/"
    assert {Path(job).parent.name for job in planned if job.startswith(own)} == ablations
    shared = {Path(job).parent.name for job in planned if job.startswith("results/models/")}
    assert shared == {"backbone-t", "combined-t", "unified-t", "teacher-coco", "teacher-mpii"}
    base = study.students["unified-t"]
    for name in ablations:
        changed = {key for key, value in study.students[name] if value != getattr(base, key)}
        assert changed in ({"distil"}, {"training"}), name


def test_the_study_of_few_labels_shares_the_demo(tmp_path: Path) -> None:
    study = load("unlabelled")
    assert [name for name, entry in study.samples.items() if not entry.labelled] == ["rest"]
    assert study.samples["rest"].crops == study.samples["rest-labelled"].crops
    workdir = Workdir(tmp_path)
    (tmp_path / "teachers").symlink_to(ROOT / "teachers")
    path, target = ROOT / "configs" / "unlabelled.yaml", f"{study.results}/tables/unlabelled.csv"
    planned = workdir.plan("--configfile", str(path), "--", target)
    jobs = [Path(job).parent.name for job in planned if "/models/" in job]
    trained = {name.partition("@")[0] for name in jobs}  # of several seeds
    students = {"tenth-backbone", "tenth", "tenth-taught", "all-taught", "all-labelled"}
    assert trained == students | {"teacher-coco"}
    assert "results/samples/coco-val/manifest.json" in planned


def test_the_sweep_trains_each_value_with_each_seed_beside_the_demo(tmp_path: Path) -> None:
    study, workdir = load("sweep"), Workdir(tmp_path)
    (tmp_path / "teachers").symlink_to(ROOT / "teachers")
    path, target = ROOT / "configs" / "sweep.yaml", f"{study.results}/tables/sweep_alpha.csv"
    planned = workdir.plan("--configfile", str(path), "--", target)
    own = {Path(job).parent.name for job in planned if job.startswith(f"{study.results}/models/")}
    others = {f"unified-t.alpha={alpha}" for alpha in ("0.1", "0.5", "0.7", "1")}
    first = {"unified-t", *others}  # the demo's seed
    assert own == others | {f"{name}@{seed}" for name in first for seed in (1, 2)}
    shared = {Path(job).parent.name for job in planned if job.startswith("results/models/")}
    assert shared == {"backbone-t", "unified-t", "teacher-coco", "teacher-mpii"}
    assert sum("/scores/" in job for job in planned) == 5 * 3 * 5  # values, seeds, benchmarks


def test_dwposes_two_stages_follow_its_public_code(tmp_path: Path) -> None:
    study = load("dwpose")
    for size, weight_decay in {"t": 0.0, "s": 0.0, "m": 0.05}.items():
        first, live, cached = (f"{stage}-{size}" for stage in ("stage1", "live", "cached"))
        plain, own = study.recipe(f"plain-{size}"), study.recipe(first)
        assert own == plain.model_copy(update={"clip": 1.0})
        assert (own.variant, own.epochs, own.weight_decay) == (size, 420, weight_decay)
        shorter = own.model_copy(update={"epochs": 80, "final_lr_ratio": 1.0, "final_epochs": 0})
        assert study.recipe(live) == study.recipe(cached) == shorter
        how = study.distil(first)
        assert how is not None
        assert (how.alpha, how.teachers, how.decay) == (1, {"rtmpose-l-coco": 0.1}, "linear")
        found = [study.distil(second) for second in (live, cached)]
        assert [(d.alpha, d.betas, d.decay) for d in found if d is not None] == [
            (0, {"itself": 1.0}, "none"),
            (0, {first: 1.0}, "none"),
        ]
        assert study.init_model(live) == study.init_model(cached) == first
    lay_out(tmp_path, study)
    plan = dry_run(tmp_path, "dwpose")
    assert f"output: {study.results}/tables/dwpose.csv" in plan
    assert f"output: {study.results}/logits/stage1-m/coco2017-train/manifest.json" in plan


def test_the_demo_of_dwpose_shares_all_but_its_stages(tmp_path: Path) -> None:
    study, workdir = load("dwpose-demo"), Workdir(tmp_path)
    for name in ("teachers", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    path, target = ROOT / "configs" / "dwpose-demo.yaml", f"{study.results}/tables/dwpose.csv"
    planned = workdir.plan("--configfile", str(path), "--", target)
    own = {Path(job).parent.name for job in planned if job.startswith(f"{study.results}/models/")}
    stages = {"stage1-t", "live-t", "cached-t", "live-t-longer", "cached-t-longer"}
    assert own == stages | {f"{name}@{seed}" for name in stages for seed in (1, 2)}
    shared = {Path(job).parent.name for job in planned if "/models/" in job} - own
    first = {"backbone-t", "coco-t"}
    assert shared == {"teacher-coco"} | first | {
        f"{name}@{seed}" for name in first for seed in (1, 2)
    }
    caches = {job for job in planned if job.endswith("/coco-train/manifest.json")}
    assert {job for job in caches if "/logits/" in job} == {
        "results/logits/teacher-coco/coco-train/manifest.json",
        *(
            f"{study.results}/logits/stage1-t{run}/coco-train/manifest.json"
            for run in ("", "@1", "@2")
        ),
    }
    epochs = [study.recipe(model).epochs for model in ("stage1-t", "live-t", "live-t-longer")]
    assert epochs == [5, 1, 5]
