"""Write docs/reruns.md: what each key of the configuration makes again.

Every key is changed once, beside an experiment whose outputs are noted as made (files without
content, with true records), and the jobs that the workflow would run are listed.
"""

import contextlib
import copy
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from posecache import records
from posecache.config.loading import parse
from posecache.config.places import Places
from posecache.config.planning import Verdicts
from posecache.config.schema import Config
from posecache.config.stages import Job, Stages
from posecache.stores.manifest import FORMAT, MANIFEST, signed
from posecache.training.recipe import Recipe

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reruns.md"

# What the demo's configuration lacks.
MORE = """
samples:
  own:
    format: coco
    annotations: own/people.json
    images: own/pictures
    skeleton: own/skeleton.yaml
    boxes: own/detections.json
    images_list: own/list.txt
  alone:
    {format: coco, annotations: own/people.json, images: own/pictures, skeleton: coco17,
     crops: {size: 96}}
  heads:
    {format: mpii, annotations: own/mpii.json, images: own, skeleton: mpii16,
     head_boxes: own/gt.mat}
teachers:
  zoo:
    weights: own/zoo.pth
    skeleton: mpii16
    input_size: [64, 64]
    sha256: "01234567"
  maps:
    weights: own/maps.onnx
    skeleton: mpii16
    input_size: [64, 64]
    head: heatmap
    heatmap: {udp: false, shift: true}
  bought: {logits: own/cache}
students:
  more:
    samples: [alone]
    init: {weights: own/backbone.pth, part: backbone}
    distil: {alpha: 0.3, teachers: {zoo: 0.5, maps: 0.5, bought: 0.5}}
    benchmarks: [coco, own, heads]
  refined:
    {samples: [alone], init: {weights: more, part: whole}, freeze: [backbone, head], refine: {},
     distil: {alpha: 0.3, teachers: {zoo: 0.5, maps: 0.5, bought: 0.5}},
     training: {loss: simcc_kl}, benchmarks: []}
  second:
    samples: [alone]
    init: own/backbone.pth
    freeze: [backbone]
    distil: {alpha: 0, itself: 1.0}
benchmarks:
  own: {samples: own, metric: oks}
  heads: {samples: heads, metric: pckh}
tables:
  own:
    mine:
      rows: {more: more}
      columns: {AP: [own, AP]}
      published: own/published.csv
sweeps:
  some:
    {student: more, alpha: [0.3, 0.4], seed: [0], columns: {AP: [own, AP], AR: [own, AR]}}
annotations:
  more: {samples: alone, by: [coco-t, zoo]}
active_learning:
  alone: {by: [coco-t, zoo]}
"""
SKELETON = (ROOT / "workflow_scripts/posecache/skeletons/coco17.yaml").read_text()
FILES = (
    "people.json", "detections.json", "list.txt", "mpii.json", "gt.mat", "zoo.pth", "maps.onnx",
    "backbone.pth", "published.csv", "other",
)  # fmt: skip

# For each key: where it is changed, and to what.
CHANGES: dict[str, tuple[str, Any]] = {
    "results": ("results", "elsewhere"),
    "cache": ("cache", "elsewhere"),
    "demo.folder": ("demo.folder", "data/other"),
    "demo.sets.*.dataset": ("demo.sets.halpe-val", {"dataset": "coco", "split": "x", "images": 60,
                                                    "seed": 5}),
    "demo.sets.*.split": ("demo.sets.halpe-val.split", "other"),
    "demo.sets.*.images": ("demo.sets.coco-val.images", 201),
    "demo.sets.*.seed": ("demo.sets.coco-train.seed", 12),
    "demo.sets.*.framing": ("demo.sets.halpe-val.framing", "mpii"),
    "demo.sets.*.scatter": ("demo.sets.coco-val.scatter", 1),
    "samples.*.format": ("samples.own.format", "crowdpose"),
    "samples.*.annotations": ("samples.own.annotations", "own/other"),
    "samples.*.images": ("samples.own.images", "own/other"),
    "samples.*.skeleton": ("samples.own.skeleton", "coco17"),
    "samples.*.labels": ("samples.alone.labels", "none"),
    "samples.*.boxes": ("samples.own.boxes", "own/other"),
    "samples.*.min_box_score": ("samples.own.min_box_score", 0.5),
    "samples.*.head_boxes": ("samples.heads.head_boxes", "own/other"),
    "samples.*.images_list": ("samples.own.images_list", "own/other"),
    "samples.*.crops.size": ("samples.alone.crops.size", 160),
    "samples.*.crops.context": ("samples.coco-train.crops.context", 2.0),
    "samples.*.crops.quality": ("samples.coco-train.crops.quality", 50),
    "teachers.*.weights": ("teachers.zoo.weights", "own/other"),
    "teachers.*.logits": ("teachers.bought.logits", "own/other-cache"),
    "teachers.*.crop": ("teachers.zoo.crop", "stretch"),
    "teachers.*.skeleton": ("teachers.zoo.skeleton", "coco17"),
    "teachers.*.input_size": ("teachers.zoo.input_size", [64, 96]),
    "teachers.*.head": ("teachers.maps", {"weights": "own/maps.onnx", "skeleton": "mpii16",
                                          "input_size": [64, 64]}),
    "teachers.*.heatmap.udp": ("teachers.maps.heatmap.udp", True),
    "teachers.*.heatmap.shift": ("teachers.maps.heatmap.shift", False),
    "teachers.*.heatmap.softmax": ("teachers.maps.heatmap.softmax", None),
    "teachers.*.padding": ("teachers.zoo.padding", 1.5),
    "teachers.*.color_order": ("teachers.zoo.color_order", "bgr"),
    "teachers.*.label_offset": ("teachers.zoo.label_offset", [0, 1]),
    "teachers.*.mean": ("teachers.zoo.mean", [0, 0, 0]),
    "teachers.*.std": ("teachers.zoo.std", [1, 1, 1]),
    "teachers.*.sha256": ("teachers.zoo.sha256", "0123456789"),
    "teachers.*.license": ("teachers.zoo.license", "MIT"),
    "teachers.*.views": ("teachers.teacher-coco.views", {"rotations": [0, 30]}),
    "teachers.*.train.samples": ("teachers.teacher2-coco.train.samples", ["mpii-train"]),
    "teachers.*.train.training": ("teachers.teacher2-coco.train.training", {"seed": 7}),
    "teachers.*.train.init.weights": ("teachers.teacher2-coco.train.init", "own/other"),
    "teachers.*.train.init.part": ("teachers.teacher2-coco.train.init",
                                   {"weights": "own/other", "part": "whole"}),
    "teachers.*.train.freeze": ("teachers.teacher2-coco.train.freeze", ["backbone"]),
    "teachers.*.train.structure.weight": ("teachers.teacher2-coco.train.structure", 0.1),
    "teachers.*.train.structure.pairs": ("teachers.teacher2-coco.train.structure",
                                         {"weight": 0.1, "pairs": "all"}),
    "teachers.*.train.gpus": ("teachers.teacher2-coco.train.gpus", 2),
    "students.*.samples": ("students.coco-t.samples", ["mpii-train"]),
    "students.*.training": ("students.coco-t.training", {"seed": 7}),
    "students.*.init.weights": ("students.more.init.weights", "own/other"),
    "students.*.init.part": ("students.more.init.part", "whole"),
    "students.*.freeze": ("students.more.freeze", ["backbone"]),
    "students.*.refine.hidden": ("students.refined.refine.hidden", 64),
    "students.*.refine.features": ("students.refined.refine.features", 32),
    "students.*.refine.stages": ("students.refined.refine.stages", [4, 3, 1]),
    "students.*.refine.weights": ("students.refined.refine.weights", [1, 1, 1]),
    "students.*.structure.weight": ("students.coco-t.structure", 0.1),
    "students.*.structure.pairs": ("students.coco-t.structure", {"weight": 0.1, "pairs": "all"}),
    "students.*.distil.alpha": ("students.unified-t.distil.alpha", 0.5),
    "students.*.distil.teachers": ("students.unified-t.distil.teachers.teacher-coco", 0.5),
    "students.*.distil.mode": ("students.more.distil.mode", "authors-code"),
    "students.*.distil.decay": ("students.unified-t.distil.decay", "linear"),
    "students.*.distil.temperatures": ("students.unified-t.distil.temperatures",
                                       {"teacher-coco": 2.0}),
    "students.*.distil.where": ("students.unified-t.distil.where", "unlabelled"),
    "students.*.distil.confidence": ("students.more.distil.confidence", "peak"),
    "students.*.distil.itself": ("students.second.distil.itself", 0.5),
    "sweeps.*.*": ("sweeps.some.alpha", [0.3, 0.4, 0.5]),
    "sweeps.*.student": ("sweeps.some.student", "unified-t"),
    "sweeps.*.seed": ("sweeps.some.seed", [0, 1]),
    "sweeps.*.title": ("sweeps.some.title", "Other"),
    "sweeps.*.columns": ("sweeps.some.columns", {"AP": ["own", "AP"]}),
    "sweeps.*.by": ("sweeps.some.by", ["own", "AR"]),
    "seeds": ("seeds", [0, 1]),
    "students.*.seeds": ("students.coco-t.seeds", [0, 1]),
    "students.*.gpus": ("students.coco-t.gpus", 2),
    "students.*.benchmarks": ("students.more.benchmarks", ["coco", "own", "heads", "mpii"]),
    "benchmarks.*.samples": ("benchmarks.own.samples", "coco-val"),
    "benchmarks.*.metric": ("benchmarks.coco-pckh.metric", "oks"),
    "benchmarks.*.shared_with": ("benchmarks.own.shared_with", "mpii16"),
    "benchmarks.*.rescore": ("benchmarks.own.rescore", False),
    "benchmarks.*.nms": ("benchmarks.own.nms", None),
    "tables.paper": ("tables.paper.II.mpii", "teacher-mpii"),
    "tables.teachers": ("tables.teachers.teacher-mpii", ["mpii", "mpii-shared12"]),
    "tables.rivals": ("tables.rivals", {"teacher-coco": ["halpe-union21"]}),
    "tables.own.*.title": ("tables.own.mine.title", "Other"),
    "tables.own.*.rows": ("tables.own.mine.rows", {"other": "more"}),
    "tables.own.*.columns": ("tables.own.mine.columns", {"AR": ["own", "AR"]}),
    "tables.own.*.published": ("tables.own.mine.published", "own/other"),
    "annotations.*.samples": ("annotations.more.samples", "coco-val"),
    "annotations.*.by": ("annotations.more.by", ["zoo"]),
    "annotations.*.min_score": ("annotations.more.min_score", 0.5),
    "annotations.*.agree": ("annotations.more.agree", 2.0),
    "active_learning.*.by": ("active_learning.alone.by", ["zoo"]),
    "active_learning.*.sheet": ("active_learning.alone.sheet", 8),
    "report.student": ("report.student", "coco-t"),
    "logits.batch": ("logits.batch", 8),
    "logits.jobs": ("logits.jobs", 4),
    "logits.flip": ("logits.flip", False),
    "logits.encoding": ("logits.encoding", "int8"),
    "logits.chunk_rows": ("logits.chunk_rows", 32),
    "logits.shard_rows": ("logits.shard_rows", 512),
    "logits.views.paddings": ("logits.views", {"paddings": [1.25, 1.5]}),
    "logits.views.rotations": ("logits.views", {"rotations": [0, 30]}),
    "logits.views.augmented": ("logits.views", {"augmented": 1}),
    "logits.views.augmentation": ("logits.views", {"augmentation": {"flip_prob": 0}}),
    "logits.views.seed": ("logits.views", {"seed": 1}),
    "logits.views.merge": ("logits.views", {"rotations": [0, 30], "merge": "mean"}),
    "compute.device": ("compute.device", "cuda"),
    "compute.gres": ("compute.gres", "gpu:a100"),
    "compute.compile": ("compute.compile", True),
    "compute.threads": ("compute.threads", 2),
    "compute.memory_mb": ("compute.memory_mb", 500),
    "compute.pictures": ("compute.pictures", "decoding"),
    "compute.max_minutes": ("compute.max_minutes", 60),
    "compute.speeds.cache": ("compute.speeds.cache", {"teacher-coco": 330}),
    "compute.speeds.train": ("compute.speeds.train", {"unified-t": 117}),
}  # fmt: skip
RECIPE: dict[str, Any] = {
    "network": "posecache.models.networks.variant:RTMPOSE",
    "variant": "t",
    "input_size": [96, 128],
    "padding": 1.3,
    "epochs": 3,
    "batch_size": 17,
    "lr": 0.1,
    "weight_decay": 0.1,
    "warmup_steps": 1,
    "final_lr_ratio": 0.1,
    "clip": 1.0,
    "ema": 0.1,
    "loss": "l2",
    "sigma": [3.0, 3.0],
    "geometry": "replay",
    "augmentation": {"flip_prob": 0.1},
    "final_epochs": 1,
    "final_augmentation": {"flip_prob": 0.1},
    "checkpoint_epochs": 3,
    "checkpoint_minutes": 1,
    "validate_epochs": 1,
    "keep": "best",
    "tensorboard": True,
    "drop_last": False,
    "seed": 9,
}
CHANGES |= {f"training.{key}": (f"training.{key}", value) for key, value in RECIPE.items()}
CHANGES["training.geometry"] = ("students.unified-t.training.geometry", "replay")
CHANGES["training.keep"] = ("students.coco-t.training", {"keep": "best", "validate_epochs": 1})
INTRODUCTION = """# What a change makes again

Beside every output lies a record of what it was made from (`manifest.made_from.json`,
`card.made_from.json`, ...): a digest of its settings and of its files' content. `snakemake`
compares these records with the configuration. Times of files do not count, nor does what Snakemake
remembers, so results may be copied, moved or restored. A job that is run again keeps whatever of
its work is still right: shards of a store, epochs of a run; `--forcerun` does no more. Another
version of posecache makes nothing again by itself. Each card, manifest and score says which version
made it, each record by which code, and `posecache doctor --others` lists what another one has made:
remove it (`rm -r results/models/unified-t`) to have it made again.

Pictures are read when a sample set is prepared, and again when a model is run over it: one that has
changed in between is refused. `posecache verify --pictures results/samples/*` reads them all;
`snakemake --forcerun prepare_samples` takes up pictures that changed on purpose.

This page is made by `python docs/reruns.py`. The rules on the left run first, for the things that
the key concerns; then everything that is made from those.

| rules that run first | keys |
|---|---|
"""
LEAVES = ("tables.paper", "tables.teachers", "teachers.*.views", "views.augmentation")


def keys(kind: Any, prefix: str = "") -> Iterator[str]:
    """Every key of a settings class, with * for the names that a user gives."""
    if prefix.endswith(LEAVES):
        yield prefix
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from keys(field.annotation, f"{prefix}.{name}" if prefix else name)
        if kind.model_config.get("extra") == "allow":
            yield f"{prefix}.*"
    elif models := list(_models(kind)):
        star = ".*" if get_origin(kind) is dict else ""
        for model in models:
            yield from keys(model, prefix + star)
    else:
        yield prefix


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """The settings classes inside a type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)


def all_keys() -> set[str]:
    """Every key of a configuration; a model's own `training` has those of the common one."""
    found = set(keys(Config)) - {"training"}
    return found | {f"training.{name}" for name in Recipe.model_fields}


def experiment() -> dict[str, Any]:
    """The demo with one thing of every other kind."""
    record = yaml.safe_load((ROOT / "config.yaml").read_text())
    record["logits"]["views"] = {}  # `merge: confident` allows nothing beside it
    for section, entries in yaml.safe_load(MORE).items():
        record[section] = record.get(section, {}) | entries
    return record


def changed(record: Mapping[str, Any], place: str, value: Any) -> dict[str, Any]:
    """The record with the value at a dotted place replaced, or the key added."""
    found = copy.deepcopy(dict(record))
    *path, last = place.split(".")
    section = found
    for part in path:
        section = section.setdefault(part, {})
    section[last] = value
    return found


def jobs(wanted: list[Job]) -> list[Job]:
    """Jobs and all that they need, those first."""
    found: dict[str, Job] = {}

    def visit(job: Job) -> None:
        for part in job.upstream:
            visit(part)
        found.setdefault(job.output, job)

    for job in wanted:
        visit(job)
    return list(found.values())


@contextlib.contextmanager
def finished() -> Iterator[None]:
    """Within a folder where everything is noted as made."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("own").mkdir()
        Path("teachers").symlink_to(ROOT / "teachers")
        for name in FILES:
            Path("own", name).write_text(name)
        Path("own/skeleton.yaml").write_text(SKELETON.replace("0.026", "0.03"))
        for name in ("cache", "other-cache"):
            write_cache(Path("own", name, "alone", MANIFEST), model=name)
        for job in jobs(stages(experiment()).wanted):
            with records.recorded(job.record):
                Path(job.output).parent.mkdir(parents=True, exist_ok=True)
                Path(job.output).write_text(job.output)
        yield


def write_cache(manifest: Path, model: str) -> None:
    """A logit store's manifest, of one view."""
    manifest.parent.mkdir(parents=True)
    layout = {"columns": {"matrix": {"shape": [1, 2, 3]}}}
    about = {"kind": "logits", "format": FORMAT, "skeleton": "coco17", "input_size": [64, 96]}
    manifest.write_text(signed({**about, "identity": {"model": model}, "layout": layout}))


def stages(record: dict[str, Any]) -> Stages:
    return Stages(Places(parse(record)))


def run_first(record: dict[str, Any]) -> set[str]:
    """The rules of the jobs that would run, without those that run because of others."""
    verdicts, rules = Verdicts(), set()
    everything = jobs(stages(record).wanted)
    runs = {j.output for j in everything if verdicts.is_stale(j) or not Path(j.output).exists()}
    for job in everything:
        if job.output in runs and runs.isdisjoint(part.output for part in job.upstream):
            rules.add("make_demo" if job.rule.startswith("make_demo") else job.rule)
    return rules


def page() -> str:
    """The page's content."""
    rows: dict[tuple[str, ...], list[str]] = {}
    with finished():
        base = experiment()
        for key, (place, value) in CHANGES.items():
            rules = run_first(changed(base, place, value))
            rows.setdefault(tuple(sorted(rules)), []).append(f"`{key}`")
    lines = [f"| {', '.join(map(_code, rules)) or 'none'} | {', '.join(names)} |"
             for rules, names in sorted(rows.items())]  # fmt: skip
    return INTRODUCTION + "\n".join(lines) + "\n"


def _code(name: str) -> str:
    return f"`{name}`"


if __name__ == "__main__":
    PAGE.write_text(page())
