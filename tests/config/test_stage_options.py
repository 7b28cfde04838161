"""What the rules pass to the stage scripts is what the configuration says."""

import argparse
from typing import Any, TypeVar

import pytest
import yaml

from demo_config import DEMO, changed
from posecache import config
from posecache.config.options import add_options, from_options
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.datasets.settings import AnnotationFiles
from posecache.logits import Caching, Views
from posecache.models.settings import Import
from posecache.samples.settings import Expected
from posecache.scores.settings import Measure
from posecache.settings import Settings
from posecache.stores.settings import Cut
from posecache.training.recipe import Learning, Recipe, Validating

Given = TypeVar("Given", bound=Settings)
IMPORTED = {
    "weights": "zoo.pth",
    "skeleton": "mpii16",
    "input_size": [64, 64],
    "sha256": "12345678",
}


def stages(record: dict[str, Any] = DEMO) -> Stages:
    return Stages(Places(config.parse(record)))


def read(options: list[str], kind: type[Given]) -> Given:
    """The settings that a script reads from its options."""
    parser = argparse.ArgumentParser()
    add_options(parser, kind)
    return from_options(parser.parse_known_args(options)[0], kind)


def value(options: list[str], name: str) -> str:
    return options[options.index(name) + 1]


def test_samples() -> None:
    found, experiment = stages(), stages().places.config
    options = found.prepare_samples("coco-train")
    entry = experiment.samples["coco-train"]
    assert read(options, AnnotationFiles) == AnnotationFiles(**entry.model_dump(exclude={"crops"}))
    assert yaml.safe_load(value(options, "--crops")) == DEMO["samples"]["coco-train"]["crops"]
    assert "--crops" not in found.prepare_samples("coco-val")
    small = stages(changed("logits.shard_rows", 128))
    assert read(small.prepare_samples("coco-train"), Cut) == Cut(shard_rows=128)
    assert read(small.prepare_samples("coco-val"), Cut) == Cut()


def test_samples_without_labels() -> None:
    files = {"format": "detections", "annotations": "a.json", "images": "a", "labels": "none"}
    found = stages(changed("samples.found", files | {"skeleton": "mpii16", "min_box_score": 0.5}))
    options = found.prepare_samples("found")
    entry = files | {"min_box_score": 0.5}
    assert read(options, AnnotationFiles) == AnnotationFiles.model_validate(entry)
    assert value(options, "--labels") == "none"
    assert "--skeleton" not in options


def test_a_sample_set_is_told_what_will_be_needed_of_it() -> None:
    """The demo's combined models have two sets, whose rows nobody knows before."""
    found = stages(changed("students.coco-t.training.batch_size", 99))
    assert read(found.prepare_samples("coco-train"), Expected) == Expected(expect_rows=99)
    assert read(found.prepare_samples("mpii-train"), Expected) == Expected(expect_rows=16)
    assert read(found.prepare_samples("mpii-val"), Expected) == Expected(expect_head_sizes=True)
    assert read(found.prepare_samples("halpe-val"), Expected) == Expected(expect_head_sizes=True)
    without = changed("benchmarks", {"halpe": DEMO["benchmarks"]["halpe-union21"]})
    without |= {"students": {}, "tables": {}}
    assert read(stages(without).prepare_samples("halpe-val"), Expected) == Expected()


def test_imported_teachers() -> None:
    found = stages(changed("teachers.zoo", IMPORTED | {"crop": "stretch"}))
    options = found.import_model("zoo")
    expected = {k: v for k, v in IMPORTED.items() if k != "weights"}
    assert read(options, Import) == Import.model_validate(expected)
    assert value(options, "--weights") == "zoo.pth"
    assert value(options, "--crop-size") == "[64, 96]"


def test_students() -> None:
    record = changed("students.unified-t.init", {"weights": "coco-t", "part": "whole"})
    options = stages(record).train_student("unified-t")
    learning = read(options, Learning)
    assert learning.distil is not None
    assert learning.distil.model_dump() == DEMO["students"]["unified-t"]["distil"]
    assert learning.init is not None
    assert learning.init.weights == "results/models/coco-t/weights.pt"
    assert learning.init.part == "whole"
    assert read(options, Recipe) == stages(record).places.config.recipe("unified-t")
    place = options.index("--logits")
    assert options[place + 1 : place + 5] == [
        f"{teacher}=results/logits/{teacher}/{samples}"
        for teacher in ("teacher-coco", "teacher-mpii")
        for samples in ("coco-train", "mpii-train")
    ]
    assert "--logits" not in stages().train_student("combined-t")


def test_what_a_model_is_validated_on() -> None:
    record = changed("training.validate_epochs", 5)
    record["students"]["coco-t"]["benchmarks"] = ["coco", "mpii-shared12"]
    record["logits"]["flip"] = False
    found = stages(record)
    validating = read(found.train_student("coco-t"), Validating)
    assert not validating.flip
    folders = {name: entry.samples for name, entry in validating.benchmarks.items()}
    assert folders == {
        "coco": "results/samples/coco-val",
        "mpii-shared12": "results/samples/mpii-val",
    }
    assert validating.benchmarks["mpii-shared12"].shared_with == "coco17"
    teacher = read(found.train_student("teacher-coco"), Validating)
    assert list(teacher.benchmarks) == ["coco", "coco-pckh"]  # as Table 1 lists it
    assert read(found.train_student("teacher2-coco"), Validating).benchmarks == {}
    assert "--benchmarks" not in stages().train_student("coco-t")


def test_sample_sets_to_validate_on_are_needed_and_have_no_say_in_the_model() -> None:
    plain, watched = stages(), stages(changed("training.validate_epochs", 5))
    added = set(watched.job("model", "coco-t").inputs) - set(plain.job("model", "coco-t").inputs)
    sets = ("coco-val", "mpii-val", "halpe-val", "mpii-cross")
    assert added == {f"results/samples/{name}/manifest.json" for name in sets}
    assert watched.job("model", "coco-t").key == plain.job("model", "coco-t").key
    assert watched.things.find("model", "coco-t") == plain.things.find("model", "coco-t")


def test_what_tells_the_best_epoch_has_a_say_in_the_model() -> None:
    def key(**changes: Any) -> str:
        record = changed("students.coco-t.training", {"keep": "best", "validate_epochs": 5})
        record["students"]["coco-t"]["benchmarks"] = ["halpe-union21", "mpii-shared12"]
        for place, value in changes.items():
            section, name = place.split("__")
            record[section][name] = value
        return stages(record).job("model", "coco-t").key

    benchmark = DEMO["benchmarks"]["halpe-union21"]
    changes: list[dict[str, Any]] = [
        {"logits__flip": False},
        {"benchmarks__halpe-union21": benchmark | {"nms": None}},
        {"training__validate_epochs": 1},  # its own stands
        {"benchmarks__mpii": DEMO["benchmarks"]["mpii"] | {"shared_with": "coco17"}},
    ]
    other = [key(**change) != key() for change in changes]
    assert other == [True, True, False, False]
    assert stages().job("model", "coco-t").key != key()


def test_a_new_alpha_is_told_to_the_student_that_uses_it_alone() -> None:
    before, after = stages(), stages(changed("students.unified-t.distil.alpha", 0.5))
    models = before.places.config.trained
    assert {m for m in models if before.train_student(m) != after.train_student(m)} == {"unified-t"}


def test_only_teachers_see_training_sets_from_other_views_and_kept_otherwise() -> None:
    logits = DEMO["logits"] | {"views": {"rotations": [0, 30]}, "encoding": "int8", "flip": False}
    found = stages(changed("logits", logits))
    training = read(found.cache_logits("teacher-coco", "mpii-train"), Caching)
    assert (training.views.rotations, training.encoding, training.flip) == ((0, 30), "int8", False)
    validation = read(found.cache_logits("teacher-coco", "mpii-val"), Caching)
    assert validation == Caching(flip=False)
    assert read(found.cache_logits("unified-t", "mpii-train"), Caching) == validation


def test_a_teachers_own_views_replace_the_common_ones() -> None:
    own = {"paddings": [1.0, 1.5], "merge": "mean"}
    record = changed("teachers.teacher-mpii.views", own)
    record["logits"] = DEMO["logits"] | {"views": {"rotations": [0, 30]}}
    found = stages(record)
    views = {
        teacher: read(found.cache_logits(teacher, "mpii-train"), Caching).views
        for teacher in ("teacher-coco", "teacher-mpii")
    }
    assert views["teacher-coco"] == Views(rotations=(0, 30))
    assert views["teacher-mpii"] == Views(paddings=(1.0, 1.5), merge="mean")
    assert read(found.cache_logits("teacher-mpii", "mpii-val"), Caching).views == Views()
    imported = stages(changed("teachers.zoo", IMPORTED | {"views": own}))
    assert imported.import_model("zoo") == stages(changed("teachers.zoo", IMPORTED)).import_model(
        "zoo"
    )


def test_benchmarks() -> None:
    options = stages(changed("benchmarks.halpe-union21.nms", None)).score(
        "unified-t", "halpe-union21"
    )
    measure = Measure(metric="oks", nms=None, shared_with="coco17+mpii16")
    assert read(options, Measure) == measure
    assert value(options, "--logits") == "results/logits/unified-t/halpe-val"


@pytest.mark.parametrize("table", ["table1", "table2", "report_table3"])
def test_published_tables_need_the_scores_of_their_parts(table: str) -> None:
    scores = [job.output for job in stages().job("table", table).upstream]
    assert len(scores) == len(set(scores))
    listed = {"results/scores/teacher-coco/coco-pckh.json", "results/scores/teacher-mpii/mpii.json"}
    if table == "table1":
        assert len(scores) == 17
        assert listed <= set(scores)
    elif table == "table2":
        assert len(scores) == 8
    else:
        expected = ["teacher2-coco/coco", "teacher2-mpii/mpii"]
        assert scores == [f"results/scores/{name}.json" for name in expected]


def test_a_table_of_ones_own() -> None:
    own = {
        "mine": {"rows": {"a": "coco-t"}, "columns": {"AP": ["coco", "AP"]}, "published": "p.csv"}
    }
    found = stages(changed("tables.own", own))
    assert found.job("table", "mine").inputs == ["p.csv", "results/scores/coco-t/coco.json"]
    assert value(found.make_table("mine"), "--scores") == "results/scores/coco-t/coco.json"
    assert yaml.safe_load(value(found.make_table("mine"), "--own"))["rows"] == {"a": "coco-t"}
    assert "results/tables/mine.csv" in found.everything


def test_everything_is_each_students_scores_every_table_and_the_page() -> None:
    everything = set(stages().everything)
    for student in DEMO["students"]:
        for benchmark in DEMO["benchmarks"]:
            assert f"results/scores/{student}/{benchmark}.json" in everything
    tables = {f"table{n}" for n in range(1, 6)} | {f"report_table{n}" for n in range(2, 6)}
    tables.add("cross")
    assert {f"results/tables/{name}.csv" for name in tables} <= everything
    assert "results/report/index.html" in everything
    runs = len(DEMO["students"]) * (1 + len(DEMO["benchmarks"]))
    assert len(everything) == runs + len(tables) + 1
