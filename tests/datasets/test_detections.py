import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from posecache import datasets


def detection(image_id: int, **changes: Any) -> dict[str, Any]:
    box = [-3.0, 5.0, 20.0, 30.0]
    return {"image_id": image_id, "category_id": 1, "bbox": box, "score": 0.75} | changes


def read(folder: Path, rows: object, **options: Any) -> datasets.Annotations:
    (folder / "boxes.json").write_text(json.dumps(rows))
    return tiny.annotations(tiny.write_coco(folder), boxes=folder / "boxes.json", **options)


def test_boxes_keep_their_score_and_are_not_clipped(tmp_path: Path) -> None:
    found = read(tmp_path, [detection(4, score=0.5), detection(1)])
    assert found.image_id.tolist() == [1, 4]  # in the annotation file's order of images
    assert found.instance_id.tolist() == [1, 0]
    assert found.box[0].tolist() == [-3.0, 5.0, 20.0, 30.0]
    assert found.box_score.tolist() == [0.75, 0.5]
    assert np.isnan(found.keypoints).all()
    assert found.keypoints.shape == (2, 17, 2)
    assert len(found.image_paths) == 5


def test_who_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [
        detection(1),
        detection(1, category_id=3),
        detection(77),
        detection(3, score=0.49),
        detection(2, bbox=[1.0, 1.0, 0.0, 5.0]),
        detection(2, bbox=[64.0, 1.0, 9.0, 5.0]),
        detection(2, bbox=[1.0, -9.0, 9.0, 9.0]),
    ]
    expected = {"not a person": 1, "of an image that is left out": 1, "below min_box_score": 1,
                "box without area": 1, "outside the image": 2}  # fmt: skip
    assert read(tmp_path, rows, min_box_score=0.5).dropped == expected


def test_a_picture_may_be_called_by_its_name(tmp_path: Path) -> None:
    rows = [detection(4), {**detection(0), "image_id": "2.jpg"}]
    assert read(tmp_path, rows).image_id.tolist() == [2, 4]


def test_mpii_has_no_detectors_boxes(tmp_path: Path) -> None:
    message = r"a\.json: the format mpii has neither OKS nor other boxes"
    with pytest.raises(ValueError, match=message):
        tiny.annotations(tmp_path / "a.json", format="mpii", boxes=Path("b.json"))
