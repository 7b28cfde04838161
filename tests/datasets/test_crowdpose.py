import json
from pathlib import Path

import pytest

import tiny
from posecache import datasets, skeletons
from posecache.datasets import Source


def write(folder: Path, **changes: object) -> Path:
    """Two people in each of five images, as CrowdPose has them: 14 keypoints, no area."""
    record = tiny.coco_record()
    for number, image in enumerate(record["images"]):
        image["crowdIndex"] = number / 5
    for annotation in record["annotations"]:
        annotation["keypoints"] = [*annotation["keypoints"][15:51], 30.0, 10.0, 2, 30.0, 20.0, 2]
        del annotation["area"]
    names = skeletons.load("crowdpose14").keypoints
    record["categories"][0]["keypoints"] = [*names[:12], "head", "neck"]  # as in the release
    record["images"][0] |= changes
    folder.mkdir(exist_ok=True)
    (folder / "c.json").write_text(json.dumps(record))
    return folder / "c.json"


def test_fourteen_keypoints_and_an_area_from_the_box(tmp_path: Path) -> None:
    found = tiny.annotations(write(tmp_path), skeleton="crowdpose14", format="crowdpose")
    names = skeletons.load("crowdpose14").keypoints
    assert found.keypoints.shape == (10, 14, 2)
    assert found.keypoints[0, names.index("head_top")].tolist() == [30.0, 10.0]
    assert found.area[0] == pytest.approx(0.53 * 20 * 16)


def test_the_truth_keeps_how_crowded_an_image_is(tmp_path: Path) -> None:
    path = write(tmp_path)
    source = Source(
        format="crowdpose", annotations=path, image_root=tmp_path, skeleton="crowdpose14"
    )
    record = datasets.truth(source)
    assert [image["crowdIndex"] for image in record["images"]] == [0, 0.2, 0.4, 0.6, 0.8]
    assert record["annotations"][0]["area"] == pytest.approx(0.53 * 20 * 16)
