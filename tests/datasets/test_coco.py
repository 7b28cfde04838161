import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from posecache import datasets


def read(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> datasets.Annotations:
    record = tiny.coco_record()
    change(record)
    (tmp_path / "a.json").write_text(json.dumps(record))
    return tiny.annotations(tmp_path / "a.json")


def test_rows_are_by_image_and_unlabelled_keypoints_are_nan(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["annotations"].reverse()
        record["annotations"][0]["keypoints"][:6] = [0, 0, 0, 5.0, 6.0, 1]

    found = read(tmp_path, change)
    assert found.image_id.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    row = found.instance_id.tolist().index(109)
    assert np.isnan(found.keypoints[row, 0]).all()
    assert found.keypoints[row, 1].tolist() == [5.0, 6.0]
    assert found.visibility[row, :3].tolist() == [0, 1, 2]
    assert found.head_size == pytest.approx(np.full(10, 0.6 * 10))


def test_boxes_are_clipped_to_the_image(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["annotations"][0]["bbox"] = [-4, 40, 20, 16]

    assert read(tmp_path, change).box[0].tolist() == [0, 40, 16, 7]  # MMPose clips to px 47


def test_who_is_left_out_is_counted(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        people = record["annotations"]
        people[0]["iscrowd"] = 1
        people[1]["keypoints"] = [0] * 51
        people[2]["bbox"] = [70, 10, 5, 5]

    found = read(tmp_path, change)
    assert found.instance_id.tolist() == list(range(103, 110))
    assert found.dropped == {
        "of another category": 0,
        "crowd": 1,
        "without labelled keypoints": 1,
        "outside the image": 1,
    }


def test_people_without_keypoints_may_lack_a_box_and_crowds_may_have_either(
    tmp_path: Path,
) -> None:
    def change(record: dict[str, Any]) -> None:
        people = record["annotations"]
        del people[0]["keypoints"]
        people[1] |= {"keypoints": [0] * 51, "num_keypoints": 0, "bbox": [0, 0, 0, 0]}
        people[2] |= {"iscrowd": 1, "segmentation": {"counts": [3], "size": [1, 3]}}

    found = read(tmp_path, change)
    assert found.dropped["without labelled keypoints"] == 2
    assert found.dropped["crowd"] == 1
    record = datasets.truth(found.source)
    assert [len(record[key]) for key in ("images", "annotations")] == [5, 9]
    assert not any("segmentation" in annotation for annotation in record["annotations"])


def test_wanted_images_are_selected(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    found = tiny.annotations(path, wanted=frozenset({"2.jpg", "5.jpg"}))
    assert found.image_id.tolist() == [2, 2, 5, 5]
    assert found.image_paths == ["2.jpg", "5.jpg"]


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown format 'voc', expected one of coco, crowdpose"):
        tiny.annotations(tmp_path, format="voc")


def test_real_people(shared: Path) -> None:
    folder = shared / "data" / "coco"
    found = tiny.annotations(folder / "test_coco.json")
    assert found.dropped["without labelled keypoints"] == 2
    assert found.box[0] == pytest.approx([280.79, 44.73, 218.7, 346.68])
    assert found.keypoints[0, 0].tolist() == [367, 81]


def test_a_detectors_boxes_replace_the_annotated_ones(shared: Path) -> None:
    folder = shared / "data" / "coco"
    boxes = folder / "test_coco_det_AP_H_56.json"
    found = tiny.annotations(folder / "test_coco.json", boxes=boxes)
    rows = [row for row in json.loads(boxes.read_text()) if row["category_id"] == 1]
    assert len(found.box) == len(rows) == 118
    number = found.instance_id.tolist().index(0)
    assert found.box[number] == pytest.approx(rows[0]["bbox"])
    assert found.box_score[number] == pytest.approx(rows[0]["score"])
    assert np.isnan(found.keypoints).all()
