"""docs/reruns.md says what each key makes again: it is the page that the workflow itself gives."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from demo_config import ROOT
from posecache import files, skeletons
from posecache.config.planning import settle
from posecache.stores.manifest import signed


@pytest.fixture(scope="module")
def reruns() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reruns", ROOT / "docs" / "reruns.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_key_is_changed_once(reruns: ModuleType) -> None:
    assert reruns.all_keys() == set(reruns.CHANGES)


def test_the_page_is_what_the_workflow_does(reruns: ModuleType) -> None:
    assert reruns.page() == reruns.PAGE.read_text()


CHANGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "list of images": (lambda own: edit(own / "list.txt"), {"prepare_samples"}),
    "annotations": (lambda own: edit(own / "people.json"), {"prepare_samples"}),
    "weights": (lambda own: edit(own / "zoo.pth"), {"import_model"}),
    "weights to start from": (lambda own: edit(own / "backbone.pth"), {"train_student"}),
    "a cache": (lambda own: edit_cache(own / "cache/alone/manifest.json"), {"train_student"}),
    "published numbers": (lambda own: edit(own / "published.csv"), {"make_table"}),
    "a renamed keypoint": (
        lambda own: edit(own / "skeleton.yaml", "nose", "snout", everywhere=True),
        {"prepare_samples"},
    ),
    "a comment": (lambda own: edit(own / "skeleton.yaml", "# COCO", "# My"), set()),
    "a link, which is only drawn": (
        lambda own: edit(own / "skeleton.yaml", "- [nose, left_eye]", ""),
        set(),
    ),
    "times": (lambda own: [os.utime(p, (0, 0)) for p in own.rglob("*")] and None, set()),
}


def edit(path: Path, old: str = "", new: str = "x", everywhere: bool = False) -> None:
    """Change a file, and let it look older than all that was made from it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, -1 if everywhere else 1))
    os.utime(path, (0, 0))


def edit_cache(manifest: Path) -> None:
    """Logits of the same model over the same samples that are not the same."""
    record = {**files.read_json(manifest), "shards": ["other"]}
    del record["digest"]
    manifest.write_text(signed(record))


@pytest.mark.parametrize(("change", "rules"), CHANGES.values(), ids=CHANGES)
def test_the_content_of_files_counts(
    reruns: ModuleType, change: Callable[[Path], None], rules: set[str]
) -> None:
    with reruns.finished():
        assert reruns.run_first(reruns.experiment()) == set()
        change(Path("own"))
        skeletons.load.cache_clear()
        assert reruns.run_first(reruns.experiment()) == rules
    skeletons.load.cache_clear()


def test_a_renamed_skeleton_is_noted_anew(reruns: ModuleType) -> None:
    """Samples of equal content keep every shard; their manifest names the file."""
    with reruns.finished():
        shutil.copy("own/skeleton.yaml", "own/renamed.yaml")
        record = reruns.changed(reruns.experiment(), "samples.own.skeleton", "own/renamed.yaml")
        assert reruns.run_first(record) == {"prepare_samples"}


def test_samples_alone_are_put_in_order_too(reruns: ModuleType) -> None:
    """A copy in which nothing is made from them yet, and whose times are mixed up."""
    with reruns.finished():
        for name in ("models", "logits", "scores", "tables"):
            shutil.rmtree(Path("results", name))
        output = reruns.stages(reruns.experiment()).job("samples", "coco-val").output
        os.utime(output, (1, 1))
        settle(reruns.stages(reruns.experiment()))
        rendered = Path("data/demo/coco/annotations/person_keypoints_val.json")
        assert Path(output).stat().st_mtime > rendered.stat().st_mtime
