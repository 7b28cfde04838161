import json
from pathlib import Path

import numpy as np

import tiny
from posecache import datasets, skeletons

UNION = "halpe26+mpii16"  # Halpe's body and the thorax
HALPE = skeletons.load("halpe26").keypoints


def write(folder: Path) -> Path:
    """A file in Halpe's form: 136 keypoints, a wrong `num_keypoints`, one person twice."""
    record = tiny.coco_record()
    for annotation in record["annotations"]:
        annotation["keypoints"] += [7.0, 8.0, 1.0] * 119
        annotation["num_keypoints"] = 3  # as in many real files
    record["annotations"].append(record["annotations"][0] | {"id": 999})
    (folder / "h.json").write_text(json.dumps(record))
    return folder / "h.json"


def test_the_body_is_the_first_26_and_twins_are_kept_once(tmp_path: Path) -> None:
    found = tiny.annotations(write(tmp_path), skeleton="halpe26", format="halpe")
    assert found.keypoints.shape == (10, 26, 2)
    assert found.keypoints[0, 17].tolist() == [7.0, 8.0]
    assert found.dropped["annotated twice"] == 1
    assert found.mended["wrong num_keypoints"] == 10


def test_the_thorax_is_the_shoulders_midpoint_where_both_are_labelled(tmp_path: Path) -> None:
    path = write(tmp_path)
    record = json.loads(path.read_text())
    left, right = HALPE.index("left_shoulder"), HALPE.index("right_shoulder")
    record["annotations"][1]["keypoints"][3 * left + 2] = 0
    record["annotations"][2]["keypoints"][3 * right + 2] = 1
    path.write_text(json.dumps(record))
    found = tiny.annotations(path, skeleton=UNION, format="halpe")
    names = skeletons.load(UNION).keypoints
    assert names == (*HALPE, "thorax")
    midpoint = (found.keypoints[:, left] + found.keypoints[:, right]) / 2
    np.testing.assert_allclose(found.keypoints[:, -1], midpoint, rtol=1e-6)
    assert found.visibility[:3, -1].tolist() == [2, 0, 1]


def test_the_truth_has_the_same_people_in_the_same_skeleton(tmp_path: Path) -> None:
    found = tiny.annotations(write(tmp_path), skeleton=UNION, format="halpe")
    record = datasets.truth(found.source)
    points = np.stack([a["keypoints"] for a in record["annotations"]])
    np.testing.assert_allclose(points[:, :, :2], found.keypoints, rtol=1e-6)
    assert {a["num_keypoints"] for a in record["annotations"]} == {27}


def test_real_people(shared: Path) -> None:
    path = shared / "data" / "halpe" / "test_halpe.json"
    found = tiny.annotations(path, shared / "data" / "coco", UNION, "halpe")
    assert found.keypoints[0, 17].tolist() == [370, 52]  # head top
    assert np.isnan(found.keypoints[0, 18]).all()  # the neck is not labelled
    assert found.keypoints[0, -1].tolist() == [(399 + 358) / 2, (108 + 129) / 2]
