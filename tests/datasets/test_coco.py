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
    return datasets.read("coco", tmp_path / "a.json", tmp_path, "coco17")


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

    assert read(tmp_path, change).box[0].tolist() == [0, 40, 16, 8]


def test_who_is_left_out_is_counted(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        people = record["annotations"]
        people[0]["iscrowd"] = 1
        people[1]["keypoints"] = [0] * 51
        people[2]["bbox"] = [70, 10, 5, 5]

    found = read(tmp_path, change)
    assert found.instance_id.tolist() == list(range(103, 110))
    expected = {"crowd": 1, "without labelled keypoints": 1, "outside the image": 1}
    assert found.dropped == expected


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bbox", [3, 4, 0, 5], r"annotation 103: box \[3, 4, 0, 5\] has no area"),
        ("bbox", [3, 4, 5], r"annotation 103: box \[3, 4, 5\] has no area"),
        ("keypoints", [1, 2, 2] * 16, r"annotation 103: 48 numbers .* expected 17 times 3"),
        ("image_id", 77, r"annotation 103 is of image 77, which `images` does not list"),
        ("id", 104, r"annotation id 104 occurs twice"),
    ],
)
def test_a_wrong_annotation_is_named(
    tmp_path: Path, field: str, value: object, message: str
) -> None:
    def change(record: dict[str, Any]) -> None:
        record["annotations"][3][field] = value

    with pytest.raises(ValueError, match=rf"a\.json: {message}"):
        read(tmp_path, change)


def test_a_file_with_nobody_is_an_error(tmp_path: Path) -> None:
    def empty(record: dict[str, Any]) -> None:
        record["annotations"].clear()

    with pytest.raises(ValueError, match=r"a\.json: nobody with a labelled keypoint"):
        read(tmp_path, empty)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json: no COCO file, expected the keys"):
        datasets.read("coco", tmp_path / "a.json", tmp_path, "coco17")


def test_an_images_list_selects(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    (tmp_path / "list.txt").write_text("2.jpg\n5.jpg\n")
    found = datasets.read("coco", path, tmp_path, "coco17", tmp_path / "list.txt")
    assert found.image_id.tolist() == [2, 2, 5, 5]
    assert found.image_paths == ["2.jpg", "5.jpg"]


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown format 'voc', expected one of coco, mpii, halpe"):
        datasets.read("voc", tmp_path, tmp_path, "coco17")


def test_real_people(shared: Path) -> None:
    folder = shared / "data" / "coco"
    found = datasets.read("coco", folder / "test_coco.json", folder, "coco17")
    assert found.dropped["without labelled keypoints"] == 2
    assert found.box[0] == pytest.approx([280.79, 44.73, 218.7, 346.68])
    assert found.keypoints[0, 0].tolist() == [367, 81]
