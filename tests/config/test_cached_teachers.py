"""Teachers that come as a cache: what is known of them, and what is refused at the start."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import tiny
from demo_config import ROOT
from posecache import logits, samples
from posecache.config.places import Places, open_experiment
from posecache.config.resources import row_mb
from posecache.config.stages import Stages
from posecache.config.starting import check_stores
from posecache.stores.manifest import FORMAT, MANIFEST, signed

COCO = {"format": "coco", "annotations": "a.json", "images": "b", "skeleton": "coco17"}


def write_cache(folder: Path, model: str = "m", skeleton: str = "mpii16", views: int = 1) -> None:
    """A store of which nothing but the manifest is there."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"kind": "logits", "format": FORMAT, "skeleton": skeleton, "input_size": [64, 96]}
    layout = {"columns": {"matrix": {"shape": [views, 2, 3]}}}
    record = {**about, "identity": {"model": model}, "layout": layout}
    (folder / MANIFEST).write_text(signed(record))


def record(folder: Path) -> dict[str, Any]:
    """A student of two sample sets and of a teacher that is a cache."""
    sets = {name: COCO | {"crops": {"size": 32}} for name in ("one", "two")}
    student = {"samples": ["one", "two"], "distil": {"alpha": 0.3, "teachers": {"bought": 1.0}}}
    return {
        "results": str(folder / "results"),
        "samples": sets,
        "teachers": {"bought": {"logits": str(folder / "cache")}},
        "students": {"s": student},
        "benchmarks": {"b": {"samples": "one", "metric": "oks"}},
    }


def opened(folder: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Places:
    content = record(folder)
    if change is not None:
        change(content)
    (folder / "mine.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return open_experiment([folder / "mine.yaml"], {})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        write_cache(tmp_path / "cache" / name, views=3)
    return tmp_path / "cache"


def test_the_cache_says_what_the_teacher_is(cache: Path) -> None:
    config = opened(cache.parent).config
    assert config.skeleton("bought") == "mpii16"
    assert config.skeleton("s") == "coco17+mpii16"
    assert config.input_size("bought") == (64, 96)
    assert row_mb(config, "bought") == 3 * 16 * 2 * (64 + 96) * 4 / 1e6
    assert config.models == ["s"]


def test_a_student_reads_the_cache_where_it_lies_and_nothing_makes_it(cache: Path) -> None:
    stages = Stages(opened(cache.parent))
    job = stages.job("model", "s")
    manifests = [f"{cache}/{name}/{MANIFEST}" for name in ("one", "two")]
    assert set(manifests) <= set(job.reads)
    assert [part.thing.kind for part in job.upstream] == ["samples", "samples"]
    options = stages.train_student("s")
    place = options.index("--logits")
    assert options[place + 1 : place + 3] == [f"bought={cache}/{name}" for name in ("one", "two")]
    for thing in (("model", "bought"), ("logits", "bought", "one")):
        with pytest.raises(KeyError):
            stages.job(*thing)


def test_a_single_store_serves_all_sample_sets(tmp_path: Path) -> None:
    write_cache(tmp_path / "cache")
    places = opened(tmp_path)
    assert places.logits("bought", "one") == places.logits("bought", "two") == f"{tmp_path}/cache"


def test_the_same_cache_in_another_folder_is_the_same_to_a_student(cache: Path) -> None:
    def elsewhere(content: dict[str, Any]) -> None:
        content["teachers"]["bought"]["logits"] = str(cache.parent / "moved")

    key = Stages(opened(cache.parent)).job("model", "s").key
    cache.rename(cache.parent / "moved")
    assert Stages(opened(cache.parent, elsewhere)).job("model", "s").key == key
    write_cache(cache.parent / "moved" / "two", views=2)
    assert Stages(opened(cache.parent, elsewhere)).job("model", "s").key != key


def test_a_teacher_from_elsewhere_takes_the_place_of_anothers(cache: Path) -> None:
    """On top of one that is trained or imported nothing of that one is left."""
    folder, content = cache.parent, record(cache.parent)
    bought = content["teachers"].pop("bought")
    zoo = {"weights": "a.onnx", "skeleton": "coco17", "input_size": [64, 64], "padding": 1.5}
    (folder / "base.yaml").write_text(yaml.safe_dump(content | {"teachers": {"bought": zoo}}))
    own = {"extends": "base.yaml", "teachers": {"bought": bought}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(own))
    config = open_experiment([folder / "mine.yaml"], {}).config
    assert list(config.cached) == ["bought"]
    own["teachers"] = {"bought": {"padding": 1.0}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(own))
    assert open_experiment([folder / "mine.yaml"], {}).config.imported["bought"].padding == 1.0


def test_the_papers_experiment_with_caches_of_its_teachers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration of docs/logit-cache.md."""
    page = (ROOT / "docs" / "logit-cache.md").read_text()
    found = re.search(r"```yaml\n(extends:.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "mine.yaml").write_text(found[1])
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    for teacher, skeleton in (("coco", "coco17"), ("mpii", "mpii16")):
        for name in ("coco2017-train", "mpii-official-train"):
            write_cache(tmp_path / "bought" / f"rtmpose-m-{teacher}" / name, skeleton=skeleton)
    monkeypatch.chdir(tmp_path)
    config = open_experiment([Path("mine.yaml")], {}).config
    assert list(config.cached) == ["rtmpose-m-coco", "rtmpose-m-mpii"]
    assert config.skeleton("rtmpose-t-unified") == "coco17+mpii16"
    assert config.tables.teachers == {}


TABLE = {"rows": ["bought"], "columns": {"AP": ["b", "AP"]}}
RUN = "bought comes as a cache: it cannot be run, and so not be scored"
REFUSED: dict[str, tuple[Callable[[Path, dict[str, Any]], object], str, str]] = {
    "no folder": (
        lambda f, r: r["teachers"]["bought"].update(logits="none"),
        "logits", "teachers.bought.logits: none: not sealed: there is no manifest.json",
    ),
    "no sample set": (
        lambda f, r: (f / "cache/two" / MANIFEST).unlink(),
        "logits", "teachers.bought.logits: CACHE/two: not sealed: there is no manifest.json",
    ),
    "two models": (
        lambda f, r: write_cache(f / "cache/two", "other"),
        "logits", "teachers.bought.logits: CACHE/two is of model other, others of m",
    ),
    "no such skeleton": (
        lambda f, r: write_cache(f / "cache/two", skeleton="none.yaml"),
        "logits", "teachers.bought.logits: CACHE/two: its skeleton: none.yaml: no such file; "
        "`posecache unpack --skeleton` says where it is here",
    ),
    "damaged": (
        lambda f, r: (f / "cache/two" / MANIFEST).write_text('{"kind": "logits", "format": 6}'),
        "logits", "teachers.bought.logits: CACHE/two/manifest.json: is not as it was sealed: the "
        "store is damaged",
    ),
    "weights too": (
        lambda f, r: r["teachers"]["bought"].update(weights="a.onnx"),
        "bought", "teachers.bought: expected one of `weights`, `train` and `logits`",
    ),
    "an unknown key": (
        lambda f, r: r["teachers"]["bought"].update(padding=1.0),
        "padding", "teachers.bought.padding: unknown key",
    ),
    "a table": (
        lambda f, r: r.update(tables={"teachers": {"bought": ["b"]}}),
        "bought", f"tables.teachers.bought: {RUN}",
    ),
    "a published table": (
        lambda f, r: r.update(tables={"paper": {"I": {"coco": "bought"}}}),
        "coco", f"tables.paper.I.coco: {RUN}",
    ),
    "a table of ones own": (
        lambda f, r: r.update(tables={"own": {"a": TABLE}}), "a", f"tables.own.a: {RUN}",
    ),
    "first weights": (
        lambda f, r: r["students"]["s"].update(init="bought"),
        "init", "students.s.init: bought comes as a cache, which has no weights to start from",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "key", "told"), REFUSED.values(), ids=REFUSED)
def test_what_a_cache_cannot_do_is_one_line_with_its_place(
    cache: Path, change: Callable[[Path, dict[str, Any]], object], key: str, told: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        opened(cache.parent, lambda content: change(cache.parent, content) and None)
    path = cache.parent / "mine.yaml"
    place, line, problem = str(caught.value).removeprefix(str(path)).split(":", 2)
    assert place == ""
    assert path.read_text().splitlines()[int(line) - 1].strip().startswith(key)
    assert problem.strip().startswith(told.replace("CACHE", str(cache)))


def test_a_cache_of_other_people_is_told_before_a_student_is_trained(tmp_path: Path) -> None:
    model = tiny.model_folder(tmp_path / "model")
    for name, seed in (("one", 2), ("two", 3)):
        path = tiny.write_coco(tmp_path / name, seed=seed)
        folder = tmp_path / "results" / "samples" / name
        samples.prepare(tiny.annotations(path), folder, crops=tiny.CROPS)
        logits.cache(model, folder, tmp_path / "cache" / name)

    def few(content: dict[str, Any]) -> None:
        content["training"] = {"batch_size": 4}

    places = opened(tmp_path, few)
    check_stores(places, ["s"], [], [])
    (tmp_path / "cache" / "one").rename(tmp_path / "kept")
    (tmp_path / "cache" / "two").rename(tmp_path / "cache" / "one")
    (tmp_path / "kept").rename(tmp_path / "cache" / "two")
    told = r"^teachers\.bought\.logits: .*cache/one: made from other samples than .*samples/one"
    with pytest.raises(ValueError, match=told):
        check_stores(places, ["s"], [], [])
    check_stores(
        places, ["s"], [], [f"{places.samples(name)}/{MANIFEST}" for name in ("one", "two")]
    )
