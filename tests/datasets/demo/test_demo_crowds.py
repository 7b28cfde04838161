"""The demo's crowds: people who hide each other, and how crowded their images are."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from posecache import datasets
from posecache.datasets import Source
from posecache.datasets.demo.files import write
from posecache.datasets.demo.settings import DemoSet
from posecache.scores.settings import CROWD_KINDS


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = DemoSet(dataset="crowdpose", split="val", images=60, seed=6)
    return write(tmp_path_factory.mktemp("crowds"), wanted)


def ratio(person: dict[str, Any], people: list[dict[str, Any]]) -> float:
    """Others' keypoints in a person's box over its own keypoints, one by one."""
    x, y, width, height = person["bbox"]
    others = 0
    for other in people:
        for px, py, seen in zip(*[iter(other["keypoints"])] * 3, strict=True):
            inside = x <= px <= x + width and y <= py <= y + height
            others += other is not person and seen > 0 and inside
    return others / sum(v > 0 for v in person["keypoints"][2::3])


def test_the_crowd_index_is_the_mean_share_of_others_in_ones_box(crowds: Path) -> None:
    record, people = json.loads(crowds.read_text()), defaultdict(list)
    for annotation in record["annotations"]:
        people[annotation["image_id"]].append(annotation)
    found = [image["crowdIndex"] for image in record["images"]]
    expected = [
        min(1, np.mean([ratio(person, people[image["id"]]) for person in people[image["id"]]]))
        for image in record["images"]
    ]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_crowds_are_of_all_kinds(crowds: Path) -> None:
    indices = np.array([i["crowdIndex"] for i in json.loads(crowds.read_text())["images"]])
    for low, high in CROWD_KINDS.values():
        assert ((low <= indices) & (indices < high)).mean() > 0.2


def test_the_file_is_as_crowdposes_are(crowds: Path) -> None:
    record = json.loads(crowds.read_text())
    assert record["categories"][0]["keypoints"][-2:] == ["head", "neck"]
    assert "area" not in record["annotations"][0]
    source = Source(
        format="crowdpose", annotations=crowds, image_root=crowds.parents[1] / "val",
        skeleton="crowdpose14",
    )  # fmt: skip
    assert len(datasets.truth(source)["images"]) == 60
    people = tiny.annotations(crowds, crowds.parents[1] / "val", "crowdpose14", "crowdpose")
    assert len(people.box) == len(record["annotations"])


def test_a_box_holds_what_is_hidden_too(crowds: Path) -> None:
    hidden = 0
    for person in json.loads(crowds.read_text())["annotations"]:
        x, y, width, height = person["bbox"]
        for px, py, seen in zip(*[iter(person["keypoints"])] * 3, strict=True):
            assert seen == 0 or (x < px < x + width and y < py < y + height)
            hidden += seen == 1
    assert hidden > 100
