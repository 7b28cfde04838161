"""Wrong files of every kind: each is refused in one line that names the file and the place."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from tiny_mpii import POINTS, annopoints, rect, release, structs
from wrong_files import DEEP, GONE, RECORDS, SKELETONS, Raw, changed, read, read_heads, text

import tiny
from posecache import datasets, skeletons
from posecache.datasets.settings import AnnotationFiles

SCRIPT = Path(__file__).parents[2] / "workflow_scripts" / "prepare_samples.py"
LISTS, OBJECTS = ("mpii", "detections"), ("coco", "crowdpose", "halpe")
NAN, HUGE = Raw("NaN"), Raw("1e300")
NAMES = list(skeletons.load("coco17").keypoints)
PERSON = {"id": 1, "name": "person", "keypoints": NAMES}

# (format, place in the file, what stands there, what the line says)
WRONG: list[tuple[str, str, object, str]] = [
    # Files that are no JSON, or none of a known kind.
    *[(kind, "", Raw(""), "not a whole JSON file") for kind in RECORDS],
    *[(kind, "", Raw("[{"), "not a whole JSON file") for kind in LISTS],
    *[(kind, "", Raw('[{"x": ' + DEEP), "nested too deeply") for kind in LISTS],
    *[(kind, "", Raw("[{"), "expected `object`, got `array`") for kind in OBJECTS],
    *[(kind, "", Raw('{"x": ' + DEEP), "nested too deeply") for kind in OBJECTS],
    *[(kind, "", None, "got `null`") for kind in RECORDS],
    *[(kind, "", "people", "got `str`") for kind in RECORDS],
    ("coco", "", {}, "object missing required field `images`"),
    ("coco", "", [], "expected `object`, got `array`"),
    ("coco", "", {"images": []}, "missing required field `annotations`"),
    ("coco", "", Raw('{"images": [], "annotations": [], "x": ' + DEEP), "nested too deeply"),
    ("coco", "", Raw('{"images": [], "annotations": []} {}'), "not a whole JSON file"),
    ("mpii", "", {"images": []}, "persons: expected `array`, got `object`"),
    ("mpii", "", [], "nobody has 'joints'"),
    ("detections", "", {"annotations": []}, "detections: expected `array`, got `object`"),
    ("detections", "", [], "nobody was detected"),
    # Images.
    ("coco", "images", None, "images: expected `array`, got `null`"),
    ("coco", "images", {}, "images: expected `array`, got `object`"),
    ("coco", "images/1", 7, "images[1]: expected `object`, got `int`"),
    ("coco", "images/1/id", None, "images[1].id: expected `int`, got `null`"),
    ("coco", "images/1/id", "2", "images[1].id: expected `int`, got `str`"),
    ("coco", "images/1/id", 1.5, "images[1].id: expected `int`, got `float`"),
    ("coco", "images/1/id", [2], "images[1].id: expected `int`, got `array`"),
    ("coco", "images/1/id", 2**63, "images[1].id: expected `int` <= "),
    ("coco", "images/1/id", 1, "images: the id 1 occurs twice"),
    ("coco", "images/1/id", GONE, "images[1]: object missing required field `id`"),
    ("coco", "images/1/file_name", None, "images[1].file_name: expected `str`, got `null`"),
    ("coco", "images/1/file_name", 2, "images[1].file_name: expected `str`, got `int`"),
    ("coco", "images/1/file_name", "", "images[1].file_name: expected `str` of length >= 1"),
    ("coco", "images/1/file_name", GONE, "images[1]: object missing required field `file_name`"),
    ("coco", "images/1/width", None, "images[1].width: expected `float`, got `null`"),
    ("coco", "images/1/width", "64", "images[1].width: expected `float`, got `str`"),
    ("coco", "images/1/width", 0, "images[1].width: expected `float` >= 1"),
    ("coco", "images/1/width", GONE, "images[1]: object missing required field `width`"),
    ("coco", "images/1/width", 0.5, "images[1].width: expected `float` >= 1"),
    ("coco", "images/1/width", 64.5, "images[1].width: expected `float` that's a multiple of 1"),
    ("coco", "images/1/height", -48, "images[1].height: expected `float` >= 1"),
    ("coco", "images/1/height", NAN, "not a whole JSON file (JSON is malformed"),
    ("coco", "images/1/height", HUGE, "images[1].height: expected `float` <= 1000000"),
    # People.
    ("coco", "annotations", None, "annotations: expected `array`, got `null`"),
    ("coco", "annotations", {}, "annotations: expected `array`, got `object`"),
    ("coco", "annotations", [], "nobody with labelled keypoints"),
    ("coco", "annotations/3", None, "annotations[3]: expected `object`, got `null`"),
    ("coco", "annotations/3", [], "annotations[3]: expected `object`, got `array`"),
    ("coco", "annotations/3/id", None, "annotations[3].id: expected `int`, got `null`"),
    ("coco", "annotations/3/id", [103], "annotations[3].id: expected `int`, got `array`"),
    ("coco", "annotations/3/id", 10**30, "annotations[3].id: expected `int` <= "),
    ("coco", "annotations/3/id", 104, "annotations: the id 104 occurs twice"),
    ("coco", "annotations/3/id", GONE, "annotations[3]: object missing required field `id`"),
    ("coco", "annotations/3/image_id", 77, "annotations[3]: image_id 77 is not among `images`"),
    ("coco", "annotations/3/image_id", {}, "annotations[3].image_id: expected `int`"),
    ("coco", "annotations/3/image_id", GONE, "annotations[3]: object missing required field"),
    ("coco", "annotations/3/category_id", None, "annotations[3].category_id: expected `int`"),
    ("coco", "annotations/3/keypoints", None, "annotations[3].keypoints: expected `array`"),
    ("coco", "annotations/3/keypoints", {}, "annotations[3].keypoints: expected `array`"),
    ("coco", "annotations/3/keypoints", 51, "annotations[3].keypoints: expected `array`"),
    ("coco", "annotations/3/keypoints", [1, 2, 2] * 16, "keypoints: 48 numbers, expected 17 times"),
    ("coco", "annotations/3/keypoints", [1.0] * 50, "keypoints: 50 numbers, expected 17 times"),
    ("coco", "annotations/3/keypoints/4", None, "annotations[3].keypoints[4]: expected `float`"),
    ("coco", "annotations/3/keypoints/4", "a", "annotations[3].keypoints[4]: expected `float`"),
    ("coco", "annotations/3/keypoints/4", {"x": 1}, "annotations[3].keypoints[4]: expected"),
    ("coco", "annotations/3/keypoints/4", [4], "annotations[3].keypoints[4]: expected"),
    ("coco", "annotations/3/keypoints/4", Raw("NaN"), "not a whole JSON file"),
    ("coco", "annotations/3/keypoints/4", Raw("-Infinity"), "not a whole JSON file"),
    ("coco", "annotations/3/keypoints/4", HUGE, "keypoints[4]: expected `float` <= 1000000"),
    ("coco", "annotations/3/keypoints/4", Raw("1e400"), "keypoints[4]: number out of range"),
    ("coco", "annotations/3/keypoints/4", -1e9, "keypoints[4]: expected `float` >= -1000000"),
    ("coco", "annotations/3/keypoints/2", 3, "annotation 103: visibility 3 of a keypoint"),
    ("coco", "annotations/3/keypoints/5", 0.5, "annotation 103: visibility 0.5 of a keypoint"),
    ("coco", "annotations/3/keypoints/5", -1, "annotation 103: visibility -1 of a keypoint"),
    ("coco", "annotations/3/bbox", None, "annotations[3].bbox: expected `array`, got `null`"),
    ("coco", "annotations/3/bbox", "1 2 3 4", "annotations[3].bbox: expected `array`, got `str`"),
    ("coco", "annotations/3/bbox", [3, 4, 5], "annotations[3].bbox: expected `array` of length 4"),
    ("coco", "annotations/3/bbox", [], "annotations[3].bbox: expected `array` of length 4"),
    ("coco", "annotations/3/bbox/0", "a", "annotations[3].bbox[0]: expected `float`, got `str`"),
    ("coco", "annotations/3/bbox/2", -5, "annotations[3].bbox[2]: expected `float` >= 0"),
    ("coco", "annotations/3/bbox/2", 1e9, "annotations[3].bbox[2]: expected `float` <= 1000000"),
    ("coco", "annotations/3/bbox/3", 0, "annotation 103: box "),
    ("coco", "annotations/3/bbox", GONE, "annotation 103: box [nan, nan, nan, nan] has no area"),
    ("coco", "annotations/3/area", None, "annotations[3].area: expected `float`, got `null`"),
    ("coco", "annotations/3/area", -1, "annotations[3].area: expected `float` >= 0"),
    ("coco", "annotations/3/area", HUGE, "annotations[3].area: expected `float` <= "),
    ("coco", "annotations/3/area", NAN, "not a whole JSON file"),
    ("coco", "annotations/3/iscrowd", 2, "annotations[3].iscrowd: invalid enum value 2"),
    ("coco", "annotations/3/iscrowd", "no", "annotations[3].iscrowd: expected `bool | int`"),
    ("coco", "annotations/3/num_keypoints", None, "annotations[3].num_keypoints: expected `int`"),
    ("coco", "annotations/3/num_keypoints", -1, "num_keypoints: expected `int` >= 0"),
    ("coco", "annotations/3/head_box", [1, 2], "annotations[3].head_box: expected `array` of"),
    # Categories.
    ("coco", "categories", None, "categories: expected `array`, got `null`"),
    ("coco", "categories/0", "person", "categories[0]: expected `object`, got `str`"),
    ("coco", "categories/0/id", GONE, "categories[0]: object missing required field `id`"),
    ("coco", "categories/0/id", 9, "nobody with labelled keypoints"),  # than the annotations'
    ("coco", "categories/0/keypoints", None, "categories[0].keypoints: expected `array`"),
    ("coco", "categories/0/keypoints/3", 3, "categories[0].keypoints[3]: expected `str`"),
    ("coco", "categories/0/keypoints/3", "snout", "labels no 'left_ear', expected the keypoints"),
    ("coco", "categories/0/keypoints", [*NAMES, "nose"], "annotations[0].keypoints: 51 numbers"),
    ("coco", "categories/0/keypoints", [*NAMES[:16], "nose"], "labels no 'right_ankle'"),
    ("coco", "categories", [PERSON, PERSON | {"id": 2}], "categories: expected one 'person'"),
    ("coco", "categories", [{"id": 1, "name": "cat"}, {"id": 2}], "expected one 'person' among"),
    # What CrowdPose and Halpe have besides.
    ("crowdpose", "images/2/crowdIndex", GONE, "images[2]: object missing required field `crowdI"),
    ("crowdpose", "images/2/crowdIndex", None, "images[2].crowdIndex: expected `float`"),
    ("crowdpose", "images/2/crowdIndex", 1.5, "images[2].crowdIndex: expected `float` <= 1"),
    ("crowdpose", "categories/0/keypoints/12", "hat", "labels no 'head_top'"),
    ("crowdpose", "annotations/3/keypoints", [1] * 51, "51 numbers, expected 14 times 3"),
    ("crowdpose", "annotations/3/bbox", None, "annotations[3].bbox: expected `array`"),
    ("halpe", "annotations/3/keypoints", [1] * 51, "51 numbers, expected 136 times 3"),
    ("halpe", "annotations/3/keypoints/2", "7", "annotations[3].keypoints[2]: expected `float`"),
    ("halpe", "annotations/3/keypoints/400", None, "annotations[3].keypoints[400]: expected"),
    ("halpe", "annotations/3/image_id", 0.5, "annotations[3].image_id: expected `int`"),
    # The common MPII JSON.
    ("mpii", "1", None, "persons[1]: expected `object`, got `null`"),
    ("mpii", "1", 7, "persons[1]: expected `object`, got `int`"),
    ("mpii", "1/image", GONE, "persons[1]: object missing required field `image`"),
    ("mpii", "1/image", None, "persons[1].image: expected `str`, got `null`"),
    ("mpii", "1/image", 12, "persons[1].image: expected `str`, got `int`"),
    ("mpii", "1/center", None, "persons[1].center: expected `array`, got `null`"),
    ("mpii", "1/center", [1, 2, 3], "persons[1].center: expected `array` of length 2"),
    ("mpii", "1/center/0", HUGE, "persons[1].center[0]: expected `float` <= 1000000"),
    ("mpii", "1/scale", None, "persons[1].scale: expected `float`, got `null`"),
    ("mpii", "1/scale", "0.5", "persons[1].scale: expected `float`, got `str`"),
    ("mpii", "1/scale", 1e9, "persons[1].scale: expected `float` <= 1000"),
    ("mpii", "1/scale", GONE, "persons[1]: object missing required field `scale`"),
    ("mpii", "1/joints", None, "persons[1].joints: expected `array`, got `null`"),
    ("mpii", "1/joints", [[1, 2]] * 3, "persons[1]: 3 joints and 16 joints_vis, expected 16"),
    ("mpii", "1/joints", GONE, "persons[1]: 0 joints and 16 joints_vis, expected 16 of each"),
    ("mpii", "1/joints/4", [1], "persons[1].joints[4]: expected `array` of length 2"),
    ("mpii", "1/joints/4/0", NAN, "not a whole JSON file"),
    ("mpii", "1/joints/4/0", "x", "persons[1].joints[4][0]: expected `float`"),
    ("mpii", "1/joints_vis", [1] * 15, "persons[1]: 16 joints and 15 joints_vis"),
    ("mpii", "1/joints_vis/4", None, "persons[1].joints_vis[4]: expected `float`"),
    ("mpii", "1/joints_vis/4", -1, "persons[1].joints_vis[4]: expected `float` >= 0"),
    # Detections.
    ("detections", "1", None, "detections[1]: expected `object`, got `null`"),
    ("detections", "1/image_id", [1], "detections[1].image_id: expected `int | str`, got `array`"),
    ("detections", "1/image_id", GONE, "detections[1]: object missing required field `image_id`"),
    ("detections", "1/category_id", "person", "detections[1].category_id: expected `int`"),
    ("detections", "1/bbox", None, "detections[1].bbox: expected `array`, got `null`"),
    ("detections", "1/bbox", [1, 2, 3], "detections[1].bbox: expected `array` of length >= 4"),
    ("detections", "1/bbox", [1] * 6, "detections[1].bbox: expected `array` of length <= 5"),
    ("detections", "1/bbox/2", 1e9, "detections[1].bbox[2]: expected `float` <= 1000000"),
    ("detections", "1/score", None, "detections[1].score: expected `float`, got `null`"),
    ("detections", "1/score", "0.9", "detections[1].score: expected `float`, got `str`"),
    ("detections", "1/score", NAN, "not a whole JSON file"),
    ("detections", "1/score", GONE, "detections[1]: object missing required field `score`"),
]  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
def test_the_files_to_spoil_are_right(tmp_path: Path, kind: str) -> None:
    assert len(read(tmp_path, kind, text(RECORDS[kind])).box) >= 3


@pytest.mark.parametrize(("kind", "place", "value", "line"), WRONG)
def test_a_wrong_file_is_refused_in_one_line(
    tmp_path: Path, kind: str, place: str, value: object, line: str
) -> None:
    with pytest.raises(ValueError, match=f"{kind}.json: ") as caught:
        read(tmp_path, kind, text(changed(kind, place, value)))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"annotations": "absent.json"}, "absent.json: no such file"),
        ({"annotations": "."}, ".: Is a directory"),
        ({"boxes": "absent.json"}, "absent.json: no such file"),
        ({"boxes": "coco.json"}, "coco.json: detections: expected `array`, got `object`"),
        ({"skeleton": "mpii16"}, "coco.json: labels no 'pelvis', expected the keypoints of mpii16"),
        ({"skeleton": "coco17+mpii16"}, "coco.json: labels no 'pelvis'"),
        ({"format": "crowdpose"}, "coco.json: images[0]: object missing required field `crowdI"),
        (
            {"format": "halpe"},
            "coco.json: annotations[0].keypoints: 51 numbers, expected 136 times",
        ),
        ({"format": "halpe", "annotations": "halpe.json", "skeleton": "tail.yaml"}, "no 'tail'"),
        (
            {"format": "mpii"},
            "coco.json: the format mpii has the keypoints of mpii16, not those of",
        ),
        ({"format": "mpii", "skeleton": "mpii16"}, "coco.json: persons: expected `array`"),
        ({"format": "mpii", "skeleton": "mpii16", "annotations": "x"}, "x: no such file"),
        ({"annotations": "mpii.json"}, "mpii.json: expected `object`, got `array`"),
        ({"images_list": "absent.txt"}, "absent.txt: no such file"),
        ({"images_list": "."}, ".: Is a directory"),
        ({"images_list": "latin1.txt"}, "latin1.txt: not UTF-8"),
        ({"images_list": "empty.txt"}, "empty.txt: names no image"),
        (
            {"images_list": "other.txt"},
            "coco.json: has no image '77.jpg', which `images_list` names",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], line: str
) -> None:
    for kind, record in RECORDS.items():
        (tmp_path / f"{kind}.json").write_text(text(record))
    (tmp_path / "tail.yaml").write_text("{keypoints: [nose, tail], sigmas: [0.1, 0.1], links: []}")
    (tmp_path / "other.txt").write_text("1.jpg\n77.jpg\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin1.txt").write_bytes("für.jpg".encode("latin1"))
    monkeypatch.chdir(tmp_path)
    files = {"annotations": "coco.json", "images": ".", "skeleton": "coco17", "format": "coco"}
    with pytest.raises(ValueError, match=re.escape(line)) as caught:
        datasets.read(AnnotationFiles(**(files | options)).source())
    assert "\n" not in str(caught.value)


POINT = POINTS[0]
EMPTY = np.zeros((0, 0))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"annopoints": annopoints(POINT | {"id": 16.0})},
            "person 2: point id 16.0, expected 0 to",
        ),
        ({"annopoints": annopoints(POINT | {"id": 0.5})}, "person 2: point id 0.5"),
        ({"annopoints": annopoints(POINT | {"id": "a"})}, "person 2: point id a"),
        ({"annopoints": annopoints(POINT | {"id": np.nan})}, "person 2: point id nan"),
        ({"annopoints": annopoints({"id": 1.0, "y": 1.0})}, "person 2: position (None, 1.0)"),
        ({"annopoints": annopoints(POINT | {"x": np.inf})}, "person 2: position (inf, 21.0)"),
        ({"annopoints": annopoints(POINT | {"x": "a"})}, "person 2: position (None, 21.0)"),
        ({"annopoints": annopoints(POINT | {"x": EMPTY})}, "person 2: position (None, 21.0)"),
        ({"objpos": structs([{"x": np.nan, "y": 1.0}])}, "person 2: position (nan, 1.0)"),
        ({"objpos": structs([{"x": 1.0}])}, "person 2: position (1.0, None)"),
        ({"objpos": structs([{"x": 1e300, "y": 1.0}])}, "person 2: position (1e+300, 1.0)"),
        ({"scale": 0.0}, "person 2: scale 0.0, expected more than 0"),
        ({"scale": np.nan}, "person 2: scale nan, expected more than 0"),
        ({"scale": 1e9}, "person 2: scale 1000000000.0, expected more than 0, at most 1000"),
        ({"x1": np.nan}, "person 2: head box [nan, 60.0, 80.0, 100.0], expected numbers in px"),
        ({"y2": 1e300}, "person 2: head box [50.0, 60.0, 80.0, 1e+300]"),
    ],
)
def test_a_wrong_person_of_the_release_is_named(
    tmp_path: Path, change: dict[str, Any], line: str
) -> None:
    path = release(tmp_path / "m.mat", [rect(), rect(**change)])
    with pytest.raises(ValueError, match=re.escape(f"m.mat: image 1 (1.jpg), {line}")):
        tiny.annotations(path, skeleton="mpii16", format="mpii")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"img_train": np.ones((1, 3))}, "img_train: expected a number for each of 2 images"),
        ({"img_train": "yes"}, "img_train: expected a number for each of 2 images"),
        ({"img_train": np.zeros((1, 2))}, "nobody with labels (MPII's test split has no labels)"),
        ({"annolist": structs([{"image": 1.0}] * 2)}, "image 1 has no name"),
        ({"annolist": structs([{"image": structs([{"name": 1.0}])}] * 2)}, "image 1 has no name"),
        ({"annolist": structs([{"image": structs([{"name": "a"}])}] * 2)}, "nobody with labels"),
        ({"annolist": np.zeros((1, 2))}, "image 1 has no name"),
    ],
)
def test_a_wrong_release_is_named(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    path = release(tmp_path / "m.mat", [rect()], [rect()], **change)
    with pytest.raises(ValueError, match=re.escape(f"m.mat: {line}")):
        tiny.annotations(path, skeleton="mpii16", format="mpii")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"headboxes_src": np.ones((2, 2, 4))}, "4 persons, but .*mpii.json has 5"),
        ({"headboxes_src": np.ones((4, 5))}, "headboxes_src: .*expected numbers \\(2, 2, 'N'\\)"),
        ({"headboxes_src": "heads"}, "headboxes_src: .*expected numbers"),
        ({"headboxes_src": np.full((2, 2, 5), np.nan)}, "headboxes_src: expected numbers in px"),
        ({"headboxes_src": np.full((2, 2, 5), 1e300)}, "headboxes_src: expected numbers in px"),
        ({"pos_gt_src": np.ones((15, 2, 5))}, "pos_gt_src: .*expected numbers \\(16, 2, 'N'\\)"),
        ({"pos_gt_src": np.ones((16, 2, 5)) * 500}, "person 0 is not the one in .* px apart"),
        ({"pos_gt_src": np.full((16, 2, 5), np.nan)}, "person 0 is not the one in .* nan px apart"),
        ({"jnt_missing": np.ones((16, 3))}, "3 persons, but .*mpii.json has 5"),
        ({"jnt_missing": np.ones((5, 16))}, "jnt_missing: .*expected numbers \\(16, 'N'\\)"),
    ],
)
def test_wrong_head_boxes_are_named(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    assert len(read_heads(tmp_path).box) == 5
    with pytest.raises(ValueError, match=f"heads.mat: {line}"):
        read_heads(tmp_path, **change)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"MATLAB 5.0 MAT-file", "not a whole MATLAB file"),
        (None, "no such file"),
        ({"other": 1}, "no MPII release, expected the structure RELEASE|it has no 'headboxes_src'"),
        (
            {"RELEASE": 1},
            "no MPII release, expected the structure RELEASE|it has no 'headboxes_src",
        ),
    ],
)
def test_a_foreign_matlab_file_is_named(tmp_path: Path, content: object, line: str) -> None:
    path = tmp_path / "m.mat"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        scipy.io.savemat(str(path), content)
    for options in ({"annotations": str(path)}, {"head_boxes": str(path)}):
        with pytest.raises(ValueError, match=f"m.mat: .*({line})"):
            read(tmp_path, "mpii", text(RECORDS["mpii"]), **options)


@pytest.mark.parametrize(
    ("kind", "place", "value", "options", "line"),
    [
        (
            "coco",
            "annotations/3/bbox",
            None,
            {},
            "coco.json: annotations[3].bbox: expected `array`",
        ),
        ("coco", "annotations", Raw(DEEP), {}, "coco.json: "),
        ("mpii", "1/joints/4/0", NAN, {}, "mpii.json: not a whole JSON file"),
        ("mpii", "1/image", "9.jpg", {"skeleton": "coco17"}, "mpii.json: the format mpii has the"),
        ("coco", "images/1/id", 2, {"skeleton": "odd.yml"}, "odd.yml: keypoints: 'left_a' without"),
    ],
)
def test_the_stage_ends_with_one_line(
    tmp_path: Path, kind: str, place: str, value: object, options: dict[str, str], line: str
) -> None:
    (tmp_path / f"{kind}.json").write_text(text(changed(kind, place, value)))
    (tmp_path / "odd.yml").write_text("{keypoints: [left_a], sigmas: [0.1], links: []}")
    given = {"format": kind, "annotations": f"{kind}.json", "images": ".", "out": "out"}
    given = {"skeleton": SKELETONS[kind]} | given | options
    command = [sys.executable, str(SCRIPT), *(f"--{name}={text}" for name, text in given.items())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert line in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out" / "manifest.json").exists()
