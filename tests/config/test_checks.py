from typing import Any

import pytest
from demo_config import DEMO, changed

from posecache import config

IMPORTED = {"weights": "a.onnx", "skeleton": "coco17", "input_size": [64, 64]}
TABLE = {"rows": ["coco-t"], "columns": {"AP": ["coco", "AP"]}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("alpha", 0.3, r"^config: alpha: unknown key$"),
        ("students.unified-t.distil.alhpa", 1, r"students\.unified-t\.distil\.alhpa: unknown key"),
        ("students.unified-t.distil.alpha", "much", r"distil\.alpha: .*number.*'much'"),
        ("students.unified-t.distil.alpha", 1.5, r"distil\.alpha: .*less than or equal to 1.*1\.5"),
        ("students.unified-t.distil.teachers", {"nobody": 1.0}, r"'nobody', expected one of teach"),
        ("students.unified-t.distil.mode", "mine", r"distil\.mode: .*equation-8.*'mine'"),
        ("students.unified-t.benchmarks", ["x"], r"students\.unified-t\.benchmarks: .*'x'"),
        ("samples.coco-train.skeleton", "coco18", r"samples\.coco-train\.skeleton: .*coco18"),
        (
            "samples.coco-train.format",
            "voc",
            r"coco-train\.format: unknown format 'voc', expected one of coco, crowdpose, halpe, mp",
        ),
        ("students.coco-t.training", {"variant": "xxl"}, r"coco-t\.training\.variant: .*'xxl'"),
        (
            "students.coco-t.training",
            {"variant": {"deepen": 1}},
            r"students\.coco-t\.training\.variant\.widen: this key is missing",
        ),
        ("training.network", "hrnet", r"training\.network: unknown network 'hrnet', expected one"),
        (
            "training.network",
            "no_such:X",
            r"training\.network: no_such:X: No module named 'no_such'",
        ),
        ("training.loss", "mse", r"training\.loss: unknown label loss 'mse', expected one of simc"),
        ("training.loss", "json:nothing", r"training\.loss: json:nothing: the module json has no"),
        ("training.input_size", [63, 96], r"training\.variant: input_size \(63, 96\): .*multiples"),
        ("training.lr", "fast", r"training\.lr: .*number.*'fast'"),
        ("training.momentum", 0.9, r"training\.momentum: unknown key"),
        ("students.coco-t.samples", ["coco"], r"students\.coco-t\.samples: .*'coco', expected"),
        ("students.coco-t.samples", ["coco-val"], r"stores no crops"),
        ("students.coco-t.init", "coco-t", r"coco-t\.init: coco-t starts from coco-t"),
        ("students.coco-t.init", {"part": "whole"}, r"coco-t\.init\.weights: this key is missing"),
        ("benchmarks.coco.samples", "x", r"benchmarks\.coco\.samples: .*'x'"),
        ("benchmarks.mpii.metric", "oks", r"benchmarks\.mpii\.metric: oks needs a format other"),
        ("tables.paper.tiny.coco", "x", r"tables\.paper\.tiny\.coco: .*'x'"),
        ("tables.paper.tiny.huge", "coco-t", r"tables\.paper: unknown name 'tiny\.huge'"),
        ("tables.paper.I.coco", "x", r"tables\.paper\.I\.coco: .*'x'"),
        ("tables.own", {"table1": TABLE}, r"own\.table1: a published table has this name"),
        ("tables.own", {"a": TABLE | {"rows": ["x"]}}, r"tables\.own\.a\.rows: .*'x'"),
        ("tables.own", {"a": TABLE | {"rows": []}}, r"tables\.own\.a\.rows: "),
        (
            "tables.own",
            {"a": TABLE | {"columns": {"AP": ["x", "AP"]}}},
            r"tables\.own\.a\.columns\.AP: unknown name 'x', expected one of coco, coco-shared12",
        ),
        (
            "tables.own",
            {"a": TABLE | {"columns": {"AP": ["mpii", "AP"]}}},
            r"tables\.own\.a\.columns\.AP: unknown name 'AP', expected one of head, shoulder",
        ),
        ("samples.mpii-val.boxes", "b.json", r"samples\.mpii-val: `boxes` other than gt need"),
        ("samples.coco-train.boxes", "b.json", r"samples\.coco-train: `crops` are for training"),
        ("samples.coco-val.boxes", "b.json", r"benchmarks\.coco-pckh\.metric: pckh needs .*`boxes"),
        ("samples.coco-val.head_boxes", "h.mat", r"samples\.coco-val: `head_boxes` belong to"),
        ("training.augmentation", {"blur": 1}, r"training\.augmentation\.blur: unknown key"),
        ("training.final_augmentation", {"blur": 1}, r"training.*blur"),
        ("tables.teachers", {"teacher-coco": ["x"]}, r"tables\.teachers\.teacher-coco: .*'x'"),
        ("teachers.teacher-coco.weights", "a.onnx", r"teachers\.teacher-coco: .*either"),
        ("teachers.third", {}, r"teachers\.third: expected either `weights` or `train`"),
        ("teachers.third", {"weights": "a.onnx"}, r"teachers\.third\.(skeleton|input_size): .*mis"),
        ("teachers.third", IMPORTED | {"crops": 1}, r"teachers\.third\.crops: unknown key"),
        ("teachers.third", IMPORTED | {"padding": 0}, r"teachers\.third\.padding: .*greater than"),
        ("teachers.coco-t", DEMO["teachers"]["teacher-coco"], r"students\.coco-t: a teacher has"),
        ("logits.shard_rows", 100, r"logits: shard_rows 100 is not a multiple"),
        ("logits.encoding", "int4", r"logits\.encoding: unknown encoding 'int4', expected one of"),
        ("compute.device", "tpu", r"compute\.device"),
        ("results", ["a"], r"results: .*string"),
    ],
)
def test_each_mistake_is_one_line_with_the_keys_path(key: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        config.parse(changed(key, value))
    assert "\n" not in str(caught.value)


def test_models_that_start_from_each_other_are_named() -> None:
    record = changed("students.coco-t.init", "mpii-t")
    record["students"]["mpii-t"]["init"] = "coco-t"
    with pytest.raises(ValueError, match="init: mpii-t starts from coco-t starts from mpii-t"):
        config.parse(record)


def test_a_run_cannot_start_from_an_onnx_file() -> None:
    record = changed("teachers.third", IMPORTED)
    record["students"]["coco-t"]["init"] = "third"
    with pytest.raises(ValueError, match=r"coco-t\.init: third comes as an ONNX file, which has"):
        config.parse(record)
