"""The table of wrong configurations: each ends with one line that has the place of the mistake."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo_config import DEMO
from posecache.config.places import open_experiment

GONE = object()  # in place of a value: the key is taken away
IMPORTED = {"weights": "a.onnx", "skeleton": "coco17", "input_size": [64, 64]}
MAPS = {"head": "heatmap"}
TABLE = {"rows": ["coco-t"], "columns": {"AP": ["coco", "AP"]}}
NOTHING = {"alpha": 0, "teachers": {"teacher-coco": 0}}
UNLABELLED = {"format": "coco", "annotations": "a.json", "images": "a", "labels": "none"}
CROPPED = UNLABELLED | {"crops": {"size": 448}}
MPII_JSON = DEMO["samples"]["mpii-val"] | {"annotations": "val.json"}


def small() -> dict[str, Any]:
    """The demo's configuration with four students and two teachers."""
    record = copy.deepcopy(DEMO)
    tiny = ("mpii", "coco", "combined", "unified")
    record["teachers"] = {n: record["teachers"][n] for n in ("teacher-coco", "teacher-mpii")}
    record["students"] = {f"{role}-t": record["students"][f"{role}-t"] for role in tiny}
    record["tables"]["paper"] = {"tiny": {role: f"{role}-t" for role in tiny}}
    return record


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The small configuration with the values at dotted keys replaced, added or taken away."""
    record = small()
    for key, value in changes.items():
        *path, last = key.split(".")
        section = record
        for part in path:
            section = section[part]
        if value is GONE:
            del section[last]
        else:
            section[last] = value
    return record


def refusal(path: Path) -> str:
    """The line with which a configuration file is refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        open_experiment([path], {})
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_small_configuration_itself_is_right(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(small()))
    assert open_experiment([path], {}).config.teachers.keys() == {"teacher-coco", "teacher-mpii"}


CASES: list[tuple[str, Any, str]] = [
    # Unknown keys, at each level.
    ("alpha", 0.3, "alpha: unknown key"),
    ("demo.colour", 1, "demo.colour: unknown key"),
    # What PyTorch cannot count, and things of another kind.
    ("training.seed", 2**70, "training.seed: input should be less than"),
    ("training.network", "os:path", "training.network: os:path: is no network"),
    ("training.loss", "math:pi", "training.loss: math:pi: is no label loss"),
    ("samples.coco-val.format", "os:path", "samples.coco-val.format: os:path: is no format"),
    ("logits.encoding", "os:path", "logits.encoding: os:path: is no encoding"),
    ("demo.sets.coco-val.people", 1, "demo.sets.coco-val.people: unknown key"),
    ("samples.coco-val.label", "a", "samples.coco-val.label: unknown key"),
    ("samples.coco-train.crops.width", 3, "samples.coco-train.crops.width: unknown key"),
    ("training.momentum", 0.9, "training.momentum: unknown key"),
    ("training.augmentation", {"blur": 1}, "training.augmentation.blur: unknown key"),
    ("training.final_augmentation", {"blur": 1}, "training.final_augmentation.blur: unknown key"),
    ("training.variant.depth", 1, "training.variant.depth: unknown key"),
    ("teachers.teacher-coco.train.epochs", 3, "teachers.teacher-coco.train.epochs: unknown key"),
    ("teachers.third", IMPORTED | {"crops": 1}, "teachers.third.crops: unknown key"),
    ("teachers.third", IMPORTED | MAPS | {"heatmap": {}}, "third.heatmap.udp: this key is missing"),
    ("teachers.third", IMPORTED | MAPS, "teachers.third: `head: heatmap` needs `heatmap: {udp: t"),
    ("teachers.third", IMPORTED | {"heatmap": {"udp": True}}, "third: `heatmap` belongs to `head"),
    ("students.coco-t.sampels", [], "students.coco-t.sampels: unknown key"),
    ("students.coco-t.training", {"lrr": 1}, "students.coco-t.training.lrr: unknown key"),
    ("students.coco-t.init", {"weights": "a.pth", "all": True}, "coco-t.init.all: unknown key"),
    ("students.unified-t.distil.alhpa", 1, "students.unified-t.distil.alhpa: unknown key"),
    ("benchmarks.coco.flip", True, "benchmarks.coco.flip: unknown key"),
    ("tables.mine", {}, "tables.mine: unknown key"),
    ("tables.own", {"a": TABLE | {"row": []}}, "tables.own.a.row: unknown key"),
    ("logits.view", {}, "logits.view: unknown key"),
    ("logits.views.rotate", [0], "logits.views.rotate: unknown key"),
    ("compute.gpu", 1, "compute.gpu: unknown key"),
    # Missing keys.
    ("samples", GONE, "samples: this key is missing"),
    ("benchmarks", GONE, "benchmarks: this key is missing"),
    ("demo.folder", GONE, "demo.folder: this key is missing"),
    ("samples.coco-val.images", GONE, "samples.coco-val.images: this key is missing"),
    ("students.coco-t.samples", GONE, "students.coco-t.samples: this key is missing"),
    ("students.unified-t.distil.teachers", GONE, "unified-t.distil: `teachers` is missing, and `i"),
    ("students.coco-t.training", {"variant": {"deepen": 1}}, "coco-t.training.variant.widen: this"),
    ("students.coco-t.init", {"part": "whole"}, "coco-t.init.weights: this key is missing"),
    ("benchmarks.coco.metric", GONE, "benchmarks.coco.metric: this key is missing"),
    ("teachers.third", {"weights": "a.onnx", "skeleton": "coco17"}, "third.input_size: this key"),
    # Sections that are none.
    ("students", None, "students: input should be a valid dictionary, got None"),
    ("students.coco-t", None, "students.coco-t: input should be a valid dictionary"),
    ("samples", ["coco-train"], "samples: input should be a valid dictionary, got ['coco-train']"),
    ("training", "rtmpose", "training: input should be a valid dictionary, got 'rtmpose'"),
    ("tables.paper.tiny", "coco-t", "tables.paper.tiny: input should be a valid dictionary"),
    # Types: a text, a truth value or a share of a whole is no number.
    ("students.unified-t.distil.alpha", "much", "alpha: input should be a valid number, got 'much"),
    ("students.unified-t.distil.alpha", "0.5", "alpha: input should be a valid number, got '0.5'"),
    ("students.unified-t.distil.alpha", True, "alpha: input should be a valid number, got True"),
    ("students.unified-t.distil.teachers", {"teacher-coco": "1"}, "teacher-coco: input should be"),
    ("training.epochs", "10", "training.epochs: input should be a valid integer, got '10'"),
    ("training.epochs", True, "training.epochs: input should be a valid integer, got True"),
    ("training.epochs", 2.0, "training.epochs: input should be a valid integer, got 2.0"),
    ("training.lr", "fast", "training.lr: input should be a valid number, got 'fast'"),
    ("training.lr", True, "training.lr: input should be a valid number, got True"),
    ("training.input_size", [64, True], "training.input_size.1: input should be a valid integer"),
    ("training.input_size", 64, "training.input_size: input should be a valid list, got 64"),
    ("training.input_size", [64], "training.input_size.1: this key is missing"),
    ("training.input_size", [64, 96, 3], "training.input_size: list should have at most 2 items"),
    ("training.augmentation.rotate_degrees", "30", "rotate_degrees: input should be a valid num"),
    ("logits.flip", 1, "logits.flip: input should be a valid boolean, got 1"),
    ("logits.flip", "yes", "logits.flip: input should be a valid boolean, got 'yes'"),
    ("logits.batch", "64", "logits.batch: input should be a valid integer, got '64'"),
    ("compute.memory_mb", 1e3, "compute.memory_mb: input should be a valid integer, got 1000.0"),
    ("results", "", "results: string should match pattern"),
    ("results", "runs/", "results: string should match pattern"),
    ("cache", "runs/{alpha}", "cache: string should match pattern"),
    ("demo.folder", " ", "demo.folder: string should match pattern"),
    ("results", ["a"], "results: input should be a valid string, got ['a']"),
    ("samples.coco-val.images", 7, "samples.coco-val.images: input should be a valid string"),
    ("benchmarks.coco.rescore", "no", "benchmarks.coco.rescore: input should be a valid boolean"),
    ("teachers.third", IMPORTED | {"sha256": 12345678}, "third.sha256: input should be a valid st"),
    # Nothing is infinite, and nothing is NaN.
    ("training.lr", float("inf"), "training.lr: input should be a finite number, got inf"),
    ("training.weight_decay", float("nan"), "weight_decay: input should be a finite number, got n"),
    ("students.unified-t.distil.teachers.teacher-coco", float("inf"), "should be a finite number"),
    ("training.augmentation.scale_factor", [0.5, float("inf")], "factor.1: input should be a fini"),
    ("logits.views.rotations", [float("nan")], "logits.views.rotations.0: input should be a finit"),
    ("teachers.third", IMPORTED | {"padding": float("inf")}, "third.padding: input should be a fi"),
    # Ranges.
    ("students.unified-t.distil.alpha", 1.5, "alpha: input should be less than or equal to 1, got"),
    ("students.unified-t.distil.teachers", {"teacher-coco": -1}, "greater than or equal to 0, got"),
    ("students.unified-t.distil.temperatures", {"teacher-coco": 0}, "should be greater than 0, go"),
    ("students.unified-t.distil.teachers", {}, "missing, and `itself` is 0: nobody teaches"),
    ("students.coco-t.samples", [], "students.coco-t.samples: list should have at least 1 item"),
    ("training.epochs", 0, "training.epochs: input should be greater than 0, got 0"),
    ("students.coco-t.gpus", 0, "students.coco-t.gpus: input should be greater than 0, got 0"),
    ("students.coco-t.gpus", 17, "students.coco-t.gpus: 17 is more than training.batch_size, 16"),
    ("training.batch_size", -4, "training.batch_size: input should be greater than 0, got -4"),
    ("training.clip", 0, "training.clip: input should be greater than 0, got 0"),
    ("training.ema", 0, "training.ema: input should be greater than 0, got 0"),
    ("training.seed", -1, "training.seed: input should be greater than or equal to 0, got -1"),
    ("demo.sets.coco-val.seed", -1, "coco-val.seed: input should be greater than or equal to 0"),
    ("demo.sets.coco-val.images", 0, "coco-val.images: input should be greater than 0, got 0"),
    ("logits.views.seed", -2, "logits.views.seed: input should be greater than or equal to 0"),
    ("logits.views", {"rotations": []}, "logits.views: expected at least one rotation or augmente"),
    ("logits.views", {"merge": "mean"}, "logits.views: merge: mean needs several paddings, rotat"),
    ("logits.views", {"merge": "confident", "rotations": [0, 9]}, "confident chooses its crops"),
    ("logits.views.paddings", [0], "logits.views.paddings.0: input should be greater than 0"),
    ("logits.views.merge", "median", "merge: unknown merge 'median', expected one of none, mean"),
    ("teachers.teacher-coco.views", {"turns": 1}, "teachers.teacher-coco.views.turns: unknown key"),
    ("logits.jobs", 0, "logits.jobs: input should be greater than 0, got 0"),
    ("logits.shard_rows", 100, "logits: shard_rows 100 is not a multiple of chunk_rows 64"),
    ("training.variant.widen", 0.02, "training.variant.widen: input should be greater than or equ"),
    ("training.input_size", [63, 96], "training.variant: input_size (63, 96): expected multiples"),
    ("training.augmentation.scale_factor", [2, 1], "scale_factor (2.0, 1.0): expected [smallest"),
    ("samples.coco-train.crops.quality", 101, "crops.quality: input should be less than or equal"),
    ("benchmarks.coco.nms", 1.1, "benchmarks.coco.nms: input should be less than or equal to 1"),
    ("teachers.third", IMPORTED | {"padding": 0}, "teachers.third.padding: input should be greate"),
    ("teachers.third", IMPORTED | {"sha256": "xyz"}, "third.sha256: string should match pattern"),
    # Names of nothing.
    ("students.unified-t.distil.mode", "mine", "mode: input should be 'equation-8', 'authors-co"),
    ("students.unified-t.distil.teachers", {"nobody": 1.0}, "'nobody', expected one of teacher-co"),
    ("students.unified-t.distil.decay", "cosine", "decay: input should be 'none' or 'linear', got"),
    ("students.unified-t.distil.where", "labelled", "where: input should be 'everywhere' or 'unla"),
    ("students.unified-t.distil.confidence", "score", "confidence: input should be 'none' or 'pea"),
    ("students.unified-t.distil.temperatures", {"x": 2.0}, "temperatures: unknown name 'x', expe"),
    ("students.unified-t.benchmarks", ["x"], "students.unified-t.benchmarks: unknown name 'x'"),
    ("students.coco-t.samples", ["coco"], "students.coco-t.samples: unknown name 'coco', expected"),
    ("students.coco-t.samples", ["coco-val"], "samples.coco-val stores no crops to train from"),
    ("students.a/b", {"samples": ["coco-train"]}, "students.a/b: string should match pattern"),
    ("samples.coco-train.skeleton", "coco18", "coco-train.skeleton: unknown skeleton 'coco18'"),
    ("samples.coco-train.skeleton", "coco17+x", "coco-train.skeleton: unknown skeleton 'x'"),
    ("samples.coco-train.format", "voc", "format: unknown format 'voc', expected one of coco, cro"),
    ("training.network", "hrnet", "training.network: unknown network 'hrnet', expected one of rtm"),
    ("training.network", "no_such:X", "training.network: no_such:X: No module named 'no_such'"),
    ("training.loss", "mse", "training.loss: unknown label loss 'mse', expected one of simcc_kl"),
    ("training.loss", "json:nothing", "training.loss: json:nothing: the module json has no 'nothi"),
    ("training.geometry", "rotate", "training.geometry: input should be 'transport' or 'replay'"),
    ("students.coco-t.training", {"variant": "xxl"}, "coco-t.training.variant: input should be 't"),
    ("logits.encoding", "int4", "logits.encoding: unknown encoding 'int4', expected one of float1"),
    ("compute.device", "tpu", "compute.device: input should be 'cpu' or 'cuda', got 'tpu'"),
    ("compute.pictures", "disk", "compute.pictures: input should be 'auto', 'gpu', 'memory'"),
    ("benchmarks.coco.samples", "x", "benchmarks.coco.samples: unknown name 'x', expected one of"),
    ("benchmarks.coco.metric", "ap", "benchmarks.coco.metric: input should be 'oks' or 'pckh'"),
    ("benchmarks.coco-shared12.shared_with", "mpii", "shared_with: unknown skeleton 'mpii'"),
    ("tables.paper.tiny.coco", "x", "tables.paper.tiny.coco: unknown name 'x', expected one of"),
    ("tables.paper.tiny.huge", "coco-t", "tables.paper: unknown name 'tiny.huge', expected one of"),
    ("tables.teachers", {"teacher-coco": ["x"]}, "tables.teachers.teacher-coco: unknown name 'x'"),
    ("tables.teachers", {"coco-t": ["coco"]}, "tables.teachers: unknown name 'coco-t'"),
    ("tables.rivals", {"teacher-coco": ["x"]}, "tables.rivals.teacher-coco: unknown name 'x'"),
    ("tables.rivals", {"coco-t": ["coco"]}, "tables.rivals: unknown name 'coco-t'"),
    ("tables.rivals", {"teacher-coco": []}, "teacher-coco: list should have at least 1 item"),
    ("tables.own", {"a": TABLE | {"rows": ["x"]}}, "tables.own.a.rows: unknown name 'x'"),
    ("tables.own", {"a": TABLE | {"rows": []}}, "tables.own.a.rows: dictionary should have at lea"),
    ("tables.own", {"a": TABLE | {"columns": {"AP": ["x", "AP"]}}}, "own.a.columns.AP: unknown na"),
    ("tables.own", {"a": TABLE | {"columns": {"AP": ["mpii", "AP"]}}}, "expected one of head, sho"),
    ("tables.own", {"a": TABLE | {"columns": {"AP": "coco"}}}, "own.a.columns.AP: input should be"),
    ("tables.own", {"a": TABLE | {"columns": {"model": ["coco", "AP"]}}}, "the heading of another"),
    ("tables.own", {"table1": TABLE}, "tables.own.table1: a table of posecache has this name too"),
    ("teachers.coco-t", DEMO["teachers"]["teacher-coco"], "students.coco-t: a teacher has this na"),
    ("teachers.teacher-coco.weights", "a.onnx", "teacher-coco: expected one of `weights`, `train"),
    ("teachers.third", {}, "teachers.third: expected one of `weights`, `train` and `log"),
    # Things that are there twice.
    ("students.coco-t.samples", ["coco-train"] * 2, "coco-t.samples: 'coco-train' is listed twice"),
    ("students.coco-t.benchmarks", ["coco", "coco"], "coco-t.benchmarks: 'coco' is listed twice"),
    ("teachers.teacher-coco.train.samples", ["coco-train"] * 2, "'coco-train' is listed twice"),
    ("demo.sets.more", DEMO["demo"]["sets"]["coco-val"], "demo: sets coco-val and more would writ"),
    # Samples without labels.
    ("samples.coco-val.labels", "a", "samples.coco-val.labels: input should be 'gt' or 'none', g"),
    ("samples.coco-val.labels", None, "samples.coco-val.labels: input should be 'gt' or 'none'"),
    ("samples.coco-val.skeleton", GONE, "samples.coco-val: `skeleton` is missing, which names the"),
    ("samples.coco-val.skeleton", "none", "skeleton: 'none': expected a skeleton with keypoints"),
    ("samples.coco-val.skeleton", "coco17+none", "'coco17+none': expected a skeleton with keypoin"),
    ("samples.coco-val.labels", "none", "benchmarks.coco.samples: coco-val has no labels to score"),
    ("samples.mpii-val.labels", "none", "benchmarks.mpii.samples: mpii-val has no labels to score"),
    ("samples.coco-val.format", "detections", "samples.coco-val: the format detections has no l"),
    ("samples.coco-val.min_box_score", 0.5, "coco-val: `min_box_score` belongs to a detector's `b"),
    ("samples.coco-train.labels", "none", "train.samples: coco-train has no labels, and this mod"),
    ("samples.mpii-train.labels", "none", "mpii-train has no labels, and this model has no te"),
    # Things that do not go together.
    ("samples.mpii-val.boxes", "b.json", "samples.mpii-val: `boxes` other than gt need the format"),
    ("samples.coco-train.boxes", "b.json", "samples.coco-train: `crops` are for training, which n"),
    ("samples.coco-val.boxes", "b.json", "coco-pckh.metric: pckh needs a sample set with `boxes:"),
    ("samples.coco-val.head_boxes", "h.mat", "samples.coco-val: `head_boxes` belong to the format"),
    ("samples.mpii-val", MPII_JSON, "metric: pckh needs head sizes, which val.json has not"),
    ("benchmarks.mpii.metric", "oks", "benchmarks.mpii.metric: oks needs a format other than mpii"),
    ("benchmarks.mpii.nms", 0.5, "benchmarks.mpii: `nms` belongs to the metric oks"),
    ("benchmarks.coco-pckh.rescore", False, "benchmarks.coco-pckh: `rescore` belongs to the metri"),
    ("benchmarks.coco.nms", None, "coco-shared12.nms: table1 would mix protocols on coco: 0.9 her"),
    ("benchmarks.coco.rescore", False, "coco-shared12.rescore: table1 would mix protocols on coco"),
    ("students.coco-t.init", "coco-t", "students.coco-t.init: coco-t starts from coco-t"),
    ("students.coco-t.freeze", ["backbone"], "coco-t.freeze: the backbone would stay at random w"),
    ("students.coco-t.freeze", ["head", "backbone"], "coco-t.freeze: the backbone and the head: n"),
    ("students.coco-t.refine", {}, "coco-t.refine: a refiner learns over a finished model: say"),
    ("students.coco-t.refine", {"stages": [5]}, "coco-t.refine.stages.0: input should be less"),
    ("students.coco-t.freeze", ["neck"], "freeze.0: input should be 'backbone' or 'head'"),
    ("students.coco-t.init", "a.ONNX", "coco-t.init: a.ONNX is an ONNX file, which has no weights"),
    ("students.unified-t.distil", NOTHING, "unified-t.distil.alpha: 0, and so is every teacher's"),
    ("students.coco-t.training", {"geometry": "replay"}, "coco-t.training.geometry: replay shows"),
    ("training.geometry", "replay", "training.geometry: replay shows a teacher's crops, and this"),
    ("training.keep", "best", "training.keep: best needs `validate_epochs`"),
    ("training.keep", "first", "training.keep: input should be 'last' or 'best'"),
    ("training.validate_epochs", 0, "training.validate_epochs: input should be greater than 0"),
]  # fmt: skip

SEVERAL: list[tuple[dict[str, Any], str]] = [
    (
        {"samples.more": CROPPED, "students.coco-t.samples": ["coco-train", "more"]},
        "students.coco-t.samples: more has no labels, and this model has no teacher",
    ),
    (
        {
            "samples.more": CROPPED,
            "students.unified-t.samples": ["coco-train", "more"],
            "students.unified-t.distil.alpha": 1,
        },
        "students.unified-t.samples: more has no labels, and this model gives its teachers no weig",
    ),
    (
        {"samples.more": CROPPED, "teachers.teacher-coco.train.samples": ["more"]},
        "teachers.teacher-coco.train.samples: more has no labels, and this model has no teacher",
    ),
    (
        {"samples.more": UNLABELLED, "students.unified-t.samples": ["more"]},
        "students.unified-t.samples: samples.more stores no crops to train from (key `crops`)",
    ),
    (
        {"students.coco-t.init": "mpii-t", "students.mpii-t.init": "coco-t"},
        "students.mpii-t.init: mpii-t starts from coco-t starts from mpii-t",
    ),
    (
        {"students.coco-t.init": "mpii-t", "students.coco-t.freeze": ["head"]},
        "coco-t.freeze: the head would stay at random weights, `init` says `part: backbone`",
    ),
    (
        {"teachers.third": IMPORTED, "students.coco-t.init": "third"},
        "students.coco-t.init: third comes as an ONNX file, which has no weights to start from",
    ),
    (
        {"students.unified-t.distil.mode": "authors-code", "training.loss": "l2"},
        "unified-t.distil.mode: authors-code has its own label loss, the recipe says l2",
    ),
    (
        {"students.unified-t.distil.mode": "dwpose", "training.loss": "l2"},
        "unified-t.distil.mode: dwpose has its own label loss, the recipe says l2",
    ),
    (
        {
            "students.unified-t.distil.mode": "authors-code",
            "students.unified-t.distil.decay": "linear",
        },
        "unified-t.distil.decay: authors-code has its own decay and weights, so not decay: linear",
    ),
    (
        {
            "students.coco-t.training": {"keep": "best", "validate_epochs": 2},
            "students.coco-t.benchmarks": [],
        },
        "students.coco-t.training.keep: best needs a benchmark, and this model is scored on none",
    ),
    (
        {
            "teachers.teacher-mpii.views": {"rotations": [0, 30]},
            "students.unified-t.training": {"geometry": "replay"},
        },
        "unified-t.training.geometry: replay of unlike numbers of views: teacher-coco 1, teacher-m",
    ),
    (
        {
            "teachers.third": IMPORTED | {"crop": "stretch"},
            "students.coco-t.distil": {"alpha": 0.3, "teachers": {"third": 1.0}},
            "students.mpii-t.distil": {"alpha": 0.3, "teachers": {"third": 1.0}},
            "students.mpii-t.training": {"input_size": [64, 64]},
        },
        "third.crop: stretch needs students of one input_size, got mpii-t [64, 64], coco-t [64,",
    ),
]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({key: value}, expected) for key, value, expected in CASES] + SEVERAL,
    ids=[expected for *_, expected in [*CASES, *SEVERAL]],
)
def test_each_mistake_is_one_line_with_its_place(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    path = tmp_path / "mine.yaml"
    text = yaml.safe_dump(changed(changes), sort_keys=False)
    path.write_text(text)
    message = refusal(path)
    assert expected in message
    found = re.fullmatch(rf"{re.escape(str(path))}(?::(\d+))?: (\S+): .+", message)
    assert found is not None
    if found[1] is not None:  # the line says the key, or the section that has it or should have it
        said = text.splitlines()[int(found[1]) - 1].strip(" -").partition(":")[0]
        assert said in found[2].split(".") or found[2].rpartition(".")[2].isdigit()


@pytest.fixture(scope="module")
def toes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A skeleton that has no keypoint in common with any other."""
    path = tmp_path_factory.mktemp("skeletons") / "toes.yaml"
    path.write_text("keypoints: [toe]\nsigmas: [0.1]\nlinks: []\n")
    return str(path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"benchmarks.coco-shared12.shared_with": "TOES"},
            r"benchmarks\.coco-shared12\.shared_with: \S+toes\.yaml has no keypoint of coco17",
        ),
        (
            {"samples.coco-val.skeleton": "TOES", "students.coco-t.benchmarks": ["coco"]},
            r"students\.coco-t\.benchmarks: coco-t predicts no keypoint that coco counts",
        ),
        (
            {"samples.coco-val.skeleton": "TOES", "tables.teachers": {"teacher-mpii": ["coco"]}},
            r"tables\.teachers\.teacher-mpii: teacher-mpii predicts no keypoint that coco counts",
        ),
        (
            {"samples.coco-val.skeleton": "TOES", "tables.rivals": {"teacher-mpii": ["coco"]}},
            r"tables\.rivals\.teacher-mpii: teacher-mpii predicts no keypoint that coco counts",
        ),
        (
            {"samples.coco-val.skeleton": "TOES", "tables.own": {"a": TABLE}},
            r"tables\.own\.a: coco-t predicts no keypoint that coco counts",
        ),
    ],
)
def test_a_benchmark_that_counts_nothing_is_refused(
    tmp_path: Path, toes: str, changes: dict[str, Any], expected: str
) -> None:
    filled = {key: toes if value == "TOES" else value for key, value in changes.items()}
    if "samples.coco-val.skeleton" in filled:  # whatever else would be told first
        filled = {"benchmarks.coco-shared12": GONE, "tables.teachers": {}} | filled
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(changed(filled)))
    assert re.search(expected, refusal(path))
