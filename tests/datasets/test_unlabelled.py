"""People without labels: boxes of annotation files whose keypoints are passed over, and of
detectors' results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wrong_files import RECORDS, read, text

import tiny
from posecache import datasets
from posecache.datasets.settings import AnnotationFiles

ALONE = {"format": "detections", "labels": "none"}


def detected(folder: Path, image_id: object, **options: Any) -> datasets.Annotations:
    """What is read of one detection over the pictures in a folder."""
    row = {"image_id": image_id, "category_id": 1, "bbox": [1, 2, 20, 30], "score": 0.5}
    return results(folder, [row], **options)


def results(folder: Path, rows: object, **options: Any) -> datasets.Annotations:
    path = folder / "found.json"
    path.write_text(json.dumps(rows))
    files = {"annotations": str(path), "images": str(folder / "pictures")} | ALONE | options
    return datasets.read(AnnotationFiles.model_validate(files).source())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in a folder and a folder in it, and a file that is none."""
    for name in ("000000000139.jpg", "b.png", "more/1.JPG", "notes.txt"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_everybody_with_a_box_counts(tmp_path: Path) -> None:
    record = tiny.coco_record()
    people = record["annotations"]
    people[0]["iscrowd"] = 1
    people[1] |= {"keypoints": [0] * 51, "num_keypoints": 0}
    del people[2]["bbox"], people[3]["keypoints"]
    people[4]["bbox"] = [70, 10, 5, 5]
    people[5]["keypoints"] = [1.0, 2.0, 7.0]  # of another skeleton
    found = read(tmp_path, "coco", json.dumps(record), labels="none")
    assert found.instance_id.tolist() == [101, 103, *range(105, 110)]
    assert found.keypoints.shape == (7, 0, 2)
    assert found.visibility.shape == (7, 0)
    assert found.dropped == {
        "of another category": 0,
        "crowd": 1,
        "without a box": 1,
        "outside the image": 1,
    }


@pytest.mark.parametrize("kind", ["coco", "crowdpose", "halpe", "mpii"])
def test_every_format_gives_the_same_people_without_their_labels(tmp_path: Path, kind: str) -> None:
    labelled = read(tmp_path, kind, text(RECORDS[kind]))
    found = read(tmp_path, kind, text(RECORDS[kind]), labels="none")
    assert found.keypoints.shape == (len(labelled.box), 0, 2)
    for name in ("box", "image_index", "image_id", "instance_id", "area"):
        np.testing.assert_array_equal(getattr(found, name), getattr(labelled, name))
    assert found.image_paths == labelled.image_paths


def test_a_detector_may_look_at_a_file_that_lists_images_alone(tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(text(RECORDS["detections"]))
    record = json.dumps({"images": RECORDS["coco"]["images"]})
    found = read(tmp_path, "coco", record, labels="none", boxes=str(boxes))
    assert found.image_id.tolist() == [1, 1, 2]
    assert found.keypoints.shape == (3, 0, 2)
    for options in ({"boxes": str(boxes)}, {"labels": "none"}):
        with pytest.raises(ValueError, match=r"coco.json: object missing .* `annotations`"):
            read(tmp_path, "coco", record, **options)


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("b.png", "b.png"),
        ("b", "b.png"),
        ("more/1.JPG", "more/1.JPG"),
        ("more/1", "more/1.JPG"),
        ("000000000139.jpg", "000000000139.jpg"),
        (139, "000000000139.jpg"),
    ],
)
def test_a_picture_in_a_folder_has_several_names(folder: Path, image_id: object, name: str) -> None:
    found = detected(folder, image_id)
    assert found.image_paths[found.image_index[0]] == name
    assert found.box.tolist() == [[1, 2, 20, 30]]
    assert found.box_score.tolist() == [0.5]
    assert found.keypoints.shape == (1, 0, 2)
    assert found.image_size is None


@pytest.mark.parametrize("image_id", ["c.jpg", "notes", "notes.txt", "1", 1, 140])
def test_a_picture_that_is_not_in_the_folder_is_left_out(folder: Path, image_id: object) -> None:
    with pytest.raises(ValueError, match=r"found.json: nobody was detected .*1 of an image that"):
        detected(folder, image_id)


def test_rows_are_by_picture_and_keep_their_number(folder: Path) -> None:
    rows = [
        {"image_id": name, "category_id": kind, "bbox": [1, 2, 3, 4, 0.9], "score": score}
        for name, kind, score in [("b", 1, 0.9), (139, 1, 0.3), (139, 1, 0.29), (139, 2, 0.9)]
    ]
    found = results(folder, rows, min_box_score=0.3)
    assert found.instance_id.tolist() == [1, 0]
    assert found.image_id.tolist() == [1, 2]
    assert found.dropped["below min_box_score"] == 1
    assert found.place(0) == f"{folder}/found.json: row 0, person 1"


def test_two_pictures_of_one_name_are_told_apart_by_their_suffix(folder: Path) -> None:
    (folder / "pictures" / "b.jpg").touch()
    (folder / "pictures" / "139.jpg").touch()
    (folder / "pictures" / "b.jpg.png").touch()
    found = detected(folder, "b.jpg")
    assert found.image_paths[found.image_index[0]] == "b.jpg"
    for image_id in ("b", 139):
        with pytest.raises(ValueError, match=r"found.json: detections\[0\].image_id: several pic"):
            detected(folder, image_id)


def test_a_list_of_images_chooses_among_those_in_the_folder(folder: Path) -> None:
    names = folder / "list.txt"
    names.write_text("b.png\n")
    assert detected(folder, "b", images_list=str(names)).image_paths == ["b.png"]
    names.write_text("c.png\n")
    with pytest.raises(ValueError, match=r"has no image 'c.png', which `images_list` names"):
        detected(folder, "b", images_list=str(names))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pictures: no such folder"):
        detected(tmp_path, "a")


def test_what_a_skeleton_says_counts_for_labels_alone() -> None:
    files = {"format": "coco", "annotations": "a", "images": "b"}
    given = AnnotationFiles.model_validate(files | {"labels": "none", "skeleton": "coco17"})
    assert given == AnnotationFiles.model_validate(files | {"labels": "none"})
    assert not given.source().labelled
