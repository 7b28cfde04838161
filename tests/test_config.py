import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from posecache import config

ROOT = Path(__file__).parents[1]
DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(key: str, value: Any) -> dict[str, Any]:
    """The demo configuration with the value at a dotted key replaced, or the key added."""
    record = copy.deepcopy(DEMO)
    *path, last = key.split(".")
    section = record
    for part in path:
        section = section[part]
    section[last] = value
    return record


def test_the_demo_configuration_is_valid_and_explains_every_key() -> None:
    text = (ROOT / "config.yaml").read_text()
    config.load(ROOT / "config.yaml", ROOT)
    sections = (
        config.Config, config.Samples, config.Crops, config.Teacher, config.Train,
        config.Student, config.Distil, config.Benchmark, config.Tables, config.Logits,
        config.Compute,
    )  # fmt: skip
    missing = [f for s in sections for f in s.model_fields if f"{f}:" not in text]
    assert missing == []


def test_skeleton_is_the_union_of_samples_and_teachers() -> None:
    demo = config.parse(DEMO)
    assert demo.skeleton(demo.students["unified-t"]) == "coco17+mpii16"
    assert demo.skeleton(demo.students["mpii-t"]) == "mpii16"
    assert demo.teacher_skeleton("teacher-coco") == "coco17"
    only_coco = changed("students.unified-t.samples", ["coco-train"])
    parsed = config.parse(only_coco)
    assert parsed.skeleton(parsed.students["unified-t"]) == "coco17+mpii16"


def test_a_models_training_goes_on_top_of_the_common_one() -> None:
    demo = config.parse(changed("students.mpii-t.training", {"epochs": 3}))
    assert demo.recipe(demo.students["mpii-t"]).epochs == 3
    assert demo.recipe(demo.students["mpii-t"]).lr == DEMO["training"]["lr"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("alpha", 0.3, r"^config: alpha: unknown key$"),
        ("students.unified-t.distil.alhpa", 1, r"students\.unified-t\.distil\.alhpa: unknown key"),
        ("students.unified-t.distil.alpha", "much", r"distil\.alpha: .*number.*'much'"),
        ("students.unified-t.distil.alpha", 1.5, r"distil\.alpha: .*less than or equal to 1.*1\.5"),
        ("students.unified-t.distil.teachers", {"nobody": 1.0}, r"'nobody', expected one of teach"),
        ("students.unified-t.distil.mode", "mine", r"distil\.mode: .*equation-8.*'mine'"),
        ("samples.coco-train.skeleton", "coco18", r"samples\.coco-train\.skeleton: .*coco18"),
        (
            "samples.coco-train.format",
            "voc",
            r"format: .*'coco', 'crowdpose', 'halpe' or 'mpii'.*'voc'",
        ),
        (
            "students.coco-t.training",
            {"variant": "xxl"},
            r"coco-t\.training\.variant: .*'xxl'",
        ),
        (
            "students.coco-t.training",
            {"variant": {"deepen": 1}},
            r"students\.coco-t\.training\.variant\.widen: this key is missing",
        ),
        ("training.lr", "fast", r"training\.lr: .*number.*'fast'"),
        ("training.momentum", 0.9, r"training\.momentum: unknown key"),
        ("students.coco-t.samples", ["coco"], r"students\.coco-t\.samples: .*'coco', expected"),
        ("students.coco-t.samples", ["coco-val"], r"stores no crops"),
        ("benchmarks.coco.samples", "x", r"benchmarks\.coco\.samples: .*'x'"),
        ("benchmarks.mpii.metric", "oks", r"benchmarks\.mpii\.metric: oks needs a format other"),
        ("tables.students.tiny.coco", "x", r"tables: tiny\.coco: .*'x'"),
        ("tables.students.tiny.huge", "x", r"tables\.students\.tiny\.huge"),
        ("tables.teacher_sets.I.coco", "x", r"tables: I\.coco: .*'x'"),
        ("samples.mpii-val.boxes", "b.json", r"samples\.mpii-val: `boxes` other than gt need"),
        ("samples.coco-train.boxes", "b.json", r"samples\.coco-train: `crops` are for training"),
        ("samples.coco-val.boxes", "b.json", r"benchmarks\.coco-pckh\.metric: pckh needs .*`boxes"),
        ("samples.coco-val.head_boxes", "h.mat", r"samples\.coco-val: `head_boxes` belong to"),
        ("training.augmentation", {"blur": 1}, r"training\.augmentation\.blur: unknown key"),
        ("training.final_augmentation", {"blur": 1}, r"training.*blur"),
        ("tables.teachers", {"teacher-coco": ["x"]}, r"tables\.teachers\.teacher-coco: .*'x'"),
        ("teachers.teacher-coco.weights", "a.onnx", r"teachers\.teacher-coco: .*either"),
        ("teachers.third", {"weights": "a.onnx"}, r"teachers\.third: .*also needs"),
        ("teachers.coco-t", DEMO["teachers"]["teacher-coco"], r"students\.coco-t: a teacher has"),
        ("logits.shard_rows", 100, r"logits: shard_rows 100 is not a multiple"),
        ("compute.device", "tpu", r"compute\.device"),
    ],
)
def test_each_mistake_is_one_line_with_the_keys_path(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        config.parse(changed(key, value))
    assert "\n" not in str(caught.value)


def test_a_missing_section_is_named() -> None:
    record = copy.deepcopy(DEMO)
    del record["benchmarks"]
    with pytest.raises(ValueError, match=r"benchmarks: this key is missing"):
        config.parse(record)


def test_a_file_that_is_no_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(ValueError, match=r"c\.yaml: no such configuration"):
        config.load(path, tmp_path)
    path.write_text("a: [")
    with pytest.raises(ValueError, match=r"c\.yaml: not YAML"):
        config.load(path, tmp_path)


def test_a_configuration_may_extend_another(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: config.yaml\ndemo: null\nstudents: {unified-t: {distil: {alpha: 0.5}}}\n"
    )
    mine = config.load(tmp_path / "mine.yaml", ROOT)
    demo = config.parse(DEMO)
    assert mine.demo is None
    changed = mine.students["unified-t"].distil
    assert changed is not None
    assert (changed.alpha, changed.teachers["teacher-coco"]) == (0.5, 0.45)
    assert mine.students["mpii-t"] == demo.students["mpii-t"]


def test_a_stretched_crop_is_the_students() -> None:
    teacher = {"weights": "a.pth", "skeleton": "mpii16", "input_size": [64, 64], "crop": "stretch"}
    parsed = config.parse(changed("teachers.third", teacher))
    assert parsed.crop_size(parsed.teachers["third"]) == (64, 96)
    assert parsed.crop_size(parsed.teachers["teacher-coco"]) is None
