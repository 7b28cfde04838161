"""What is read in spite of being unusual, and what is left out, mended and counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wrong_files import RECORDS, changed, read, text

import tiny
from posecache import datasets, skeletons
from posecache.scores.oks import coco_ap

NAMES = list(skeletons.load("coco17").keypoints)
PERSON = {"id": 1, "name": "person", "keypoints": NAMES}
ALL = ("box", "keypoints", "visibility", "area", "image_id")


def reordered(order: list[int], names: list[str]) -> dict[str, Any]:
    """The tiny COCO file with its keypoints in another order, under these names."""
    record = tiny.coco_record()
    record["categories"][0]["keypoints"] = names
    for annotation in record["annotations"]:
        triples = np.reshape(annotation["keypoints"], (17, 3))
        annotation["keypoints"] = triples[order].ravel().tolist()
    return record


def assert_same(found: datasets.Annotations, expected: datasets.Annotations) -> None:
    for name in ALL:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_keypoints_are_read_by_the_names_that_the_category_gives_them(tmp_path: Path) -> None:
    right = read(tmp_path, "coco", text(RECORDS["coco"]))
    backwards = reordered(list(range(16, -1, -1)), NAMES[::-1])
    assert_same(read(tmp_path, "coco", text(backwards)), right)
    unnamed = read(tmp_path, "coco", text(changed("coco", "categories", [])))
    assert_same(unnamed, right)


def test_keypoints_beyond_the_skeletons_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "face.yaml").write_text("{keypoints: [nose], sigmas: [0.1], links: []}")
    record = tiny.coco_record()
    record["annotations"][0]["keypoints"][2] = 0  # nobody's nose
    found = read(tmp_path, "coco", text(record), skeleton=str(tmp_path / "face.yaml"))
    assert found.keypoints.shape == (9, 1, 2)
    assert found.dropped["without labelled keypoints"] == 1
    truth = datasets.truth(found.source)["annotations"]
    assert [annotation["num_keypoints"] for annotation in truth] == [0] + [1] * 9


@pytest.mark.parametrize(
    "categories",
    [
        [PERSON, {"id": 2, "name": "kite"}],
        [{"id": 1, "name": "walker", "keypoints": NAMES}, {"id": 2, "name": "person"}],
        [{"id": 2, "name": "hand", "keypoints": ["tip"]}, PERSON],
        [{"id": 1, "name": "person"}, {"id": 2, "name": "kite"}],
    ],
)
def test_other_categories_are_left_out(tmp_path: Path, categories: list[dict[str, Any]]) -> None:
    record = tiny.coco_record() | {"categories": categories}
    record["annotations"][4] |= {"category_id": 2, "keypoints": [1.0] * 3}
    found = read(tmp_path, "coco", text(record))
    assert found.dropped["of another category"] == 1
    assert 104 not in found.instance_id


def test_the_only_category_may_have_any_id_and_detections_have_it_too(tmp_path: Path) -> None:
    record = changed("coco", "categories", [{"id": 7, "name": "kite", "keypoints": NAMES}])
    for annotation in record["annotations"]:
        annotation["category_id"] = 7
    rows = [row | {"category_id": 7} for row in RECORDS["detections"]]
    rows[0]["bbox"] = [*rows[0]["bbox"], 0.9]  # some detectors put the score there as well
    (tmp_path / "boxes.json").write_text(text(rows))
    found = read(tmp_path, "coco", text(record), boxes=str(tmp_path / "boxes.json"))
    assert len(found.box) == 3
    with pytest.raises(ValueError, match=r"nobody was detected .*\(3 not a person"):
        read(tmp_path, "coco", text(RECORDS["coco"]), boxes=str(tmp_path / "boxes.json"))


def test_nobody_counts_whose_num_keypoints_is_0(tmp_path: Path) -> None:
    found = read(tmp_path, "coco", text(changed("coco", "annotations/3/num_keypoints", 0)))
    assert found.dropped["without labelled keypoints"] == 1
    assert 103 not in found.instance_id
    assert datasets.truth(found.source)["annotations"][3]["num_keypoints"] == 0
    halpe = read(tmp_path, "halpe", text(changed("halpe", "annotations/3/num_keypoints", 0)))
    assert 103 in halpe.instance_id  # Halpe's own count is not believed


@pytest.mark.parametrize(
    ("x", "y", "labelled"),
    [(-64, 0, True), (-65, 0, False), (128, 96, True), (129, 0, False), (0, 97, False)],
)
def test_a_keypoint_far_outside_its_image_is_not_labelled(
    tmp_path: Path, x: float, y: float, labelled: bool
) -> None:
    record = tiny.coco_record()  # of 64 x 48 px
    record["annotations"][3]["keypoints"][:2] = [x, y]
    found = read(tmp_path, "coco", text(record))
    assert found.visibility[3].tolist() == [2 * labelled] + [2] * 16
    assert found.mended["keypoints far outside the image"] == (not labelled)
    assert datasets.truth(found.source)["annotations"][3]["num_keypoints"] == 16 + labelled


@pytest.mark.parametrize(("area", "expected", "mended"), [(0, 169.6, 1), (7.5, 7.5, 0)])
def test_an_area_of_0_is_estimated_like_a_missing_one(
    tmp_path: Path, area: float, expected: float, mended: int
) -> None:
    found = read(tmp_path, "coco", text(changed("coco", "annotations/3/area", area)))
    assert found.area[3] == pytest.approx(expected)  # 0.53 * 20 * 16
    assert found.mended["area of 0"] == mended
    assert datasets.truth(found.source)["annotations"][3]["area"] == pytest.approx(expected)


def test_a_person_with_the_id_0_is_found_again(tmp_path: Path) -> None:
    """pycocotools by itself takes a match with the annotation 0 for no match."""
    record = tiny.coco_record(images=1, people=1)
    record["annotations"][0]["id"] = 0
    found = read(tmp_path, "coco", text(record))
    truth = datasets.truth(found.source)
    for annotation in truth["annotations"]:
        annotation |= {"keypoints": annotation["keypoints"].ravel().tolist(), "area": 5000.0}
    person = {"image_id": 1, "keypoints": found.keypoints[0], "keypoint_scores": np.ones(17)}
    person |= {"bbox_score": 1.0, "area": 5000.0}
    assert coco_ap(truth, [person], "coco17")["AP"] == pytest.approx(100)


def test_an_odd_visibility_of_halpe_says_whether_a_keypoint_is_labelled(tmp_path: Path) -> None:
    record = changed("halpe", "annotations/3/keypoints/2", 0.3)
    record["annotations"][3]["keypoints"][5:9:3] = [-1, 7]
    found = read(tmp_path, "halpe", text(record))
    assert found.visibility[3, :4].tolist() == [1, 0, 1, 2]
    assert found.mended["odd visibility"] == 1


def test_a_halpe_person_with_none_of_the_skeletons_keypoints_is_left_out(tmp_path: Path) -> None:
    record = changed("halpe", "annotations/3/id", 103)
    points = record["annotations"][3]["keypoints"]
    points[2 : 3 * 17 : 3] = [0] * 17  # head, neck, hip and feet remain
    body = read(tmp_path, "halpe", text(record))
    assert body.visibility[3].sum() == 9
    found = read(tmp_path, "halpe", text(record), skeleton="coco17")
    assert found.dropped["without labelled keypoints"] == 1
    truth = datasets.truth(found.source)["annotations"]
    assert [annotation["num_keypoints"] for annotation in truth] == [17] * 3 + [0] + [17] * 6


def test_windows_line_ends_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(b"2.jpg\r\n 5.jpg \r\n\r\n")
    content = "\ufeff" + text(RECORDS["coco"])
    found = read(tmp_path, "coco", content, images_list=str(tmp_path / "names.txt"))
    assert found.image_paths == ["2.jpg", "5.jpg"]
