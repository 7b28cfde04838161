"""The blocks of docs/your-own-data.md are right, as they stand."""

import re
from pathlib import Path

import pytest

from conftest import ROOT
from posecache import config, datasets
from posecache.datasets.settings import AnnotationFiles

PAGE = (ROOT / "docs" / "your-own-data.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()


def named(page: str, name: str) -> str:
    """The file of a name that a page shows."""
    found = re.search(rf"`{name}`[^`]*?:\n\n```\w+\n(.*?)```", page, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_the_annotations_are_read_with_the_skeleton(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotations = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert annotations is not None
    (tmp_path / "people.json").write_text(annotations[1])
    (tmp_path / "kite.yaml").write_text(named(PAGE, "kite.yaml"))
    monkeypatch.chdir(tmp_path)
    files = AnnotationFiles(
        format="coco", annotations="people.json", images=".", skeleton="kite.yaml"
    )
    read = datasets.read(files.source())
    assert read.keypoints[0, :3].tolist() == [[82, 29], [62, 54], [102, 54]]
    assert read.visibility.tolist() == [[2, 2, 1, 0]]
    assert read.area.tolist() == [1400]


def test_the_sets_without_labels_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block that has no name, on top of the tutorial's configuration."""
    found = re.search(r"```yaml\n(samples:\n  street:.*?)```", PAGE, re.DOTALL)
    assert found is not None
    for name in ("kite.yaml", "ribbon.yaml", "kites.yaml"):
        (tmp_path / name).write_text(named(TUTORIAL, name))
    (tmp_path / "more.yaml").write_text("extends: kites.yaml\n" + found[1])
    monkeypatch.chdir(tmp_path)
    experiment = config.load(tmp_path / "more.yaml")
    assert [name for name, s in experiment.samples.items() if not s.labelled] == [
        "street", "coco-more", "coco-all",
    ]  # fmt: skip
    assert experiment.skeleton("mine") == "kite.yaml"
