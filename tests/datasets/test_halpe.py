import json
from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import datasets


def test_the_body_is_the_first_26_and_twins_are_kept_once(tmp_path: Path) -> None:
    record = tiny.coco_record()
    for annotation in record["annotations"]:
        annotation["keypoints"] += [7.0, 8.0, 1.0] * 119
        annotation["num_keypoints"] = 3  # as in many real files
    twin = record["annotations"][0] | {"id": 999}
    record["annotations"].append(twin)
    (tmp_path / "h.json").write_text(json.dumps(record))
    found = datasets.read("halpe", tmp_path / "h.json", tmp_path, "halpe26")
    assert found.keypoints.shape == (10, 26, 2)
    assert found.keypoints[0, 17].tolist() == [7.0, 8.0]
    assert found.dropped["annotated twice"] == 1


def test_another_number_of_keypoints_is_named(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    with pytest.raises(ValueError, match=r"annotation 100: 51 numbers .* expected 136 times 3"):
        datasets.read("halpe", path, tmp_path, "halpe26")


def test_real_people(shared: Path) -> None:
    path = shared / "data" / "halpe" / "test_halpe.json"
    found = datasets.read("halpe", path, shared / "data" / "coco", "halpe26")
    assert found.keypoints[0, 17].tolist() == [370, 52]  # head top
    assert np.isnan(found.keypoints[0, 18]).all()  # the neck is not labelled
