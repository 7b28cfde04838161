from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import tiny
from posecache import datasets

POINTS = [
    {"x": 11.0, "y": 21.0, "id": 0.0, "is_visible": 1.0},
    {"x": 31.0, "y": 41.0, "id": 9.0, "is_visible": 0.0},
]


def structs(records: list[dict[str, Any]]) -> np.ndarray:
    """A MATLAB struct array (1, n) from dicts with the same keys."""
    array = np.empty((1, len(records)), dtype=[(name, object) for name in records[0]])
    for column, record in enumerate(records):
        array[0, column] = tuple(record.values())
    return array


def rect(**changes: Any) -> dict[str, Any]:
    """A person of 100 px around (101, 201), 1-based, with a head box of 30 x 40 px."""
    record = {
        "x1": 50.0, "y1": 60.0, "x2": 80.0, "y2": 100.0, "scale": 0.5,
        "annopoints": structs([{"point": structs(POINTS)}]),
        "objpos": structs([{"x": 101.0, "y": 201.0}]),
    }  # fmt: skip
    return record | changes


def release(path: Path, *images: list[dict[str, Any]], train: list[int] | None = None) -> Path:
    annolist = structs(
        [
            {"image": structs([{"name": f"{i}.jpg"}]), "annorect": structs(rects)}
            for i, rects in enumerate(images, start=1)
        ]
    )
    train = train or [1] * len(images)
    content = {"annolist": annolist, "img_train": np.array([train], float)}
    scipy.io.savemat(str(path), {"RELEASE": content})
    return path


def read(path: Path) -> datasets.Annotations:
    return tiny.annotations(path, skeleton="mpii16", format="mpii")


def test_places_become_zero_based_and_the_box_is_mmposes(tmp_path: Path) -> None:
    found = read(release(tmp_path / "m.mat", [rect(), rect()], [rect()]))
    # centre (101, 201 + 15 * 0.5) - 1, side 0.5 * 200
    assert found.box[0].tolist() == [50.0, 157.5, 100.0, 100.0]
    assert found.keypoints[0, 0].tolist() == [10.0, 20.0]
    assert found.visibility[0, [0, 1, 9]].tolist() == [2, 0, 1]
    assert found.head_size[0] == pytest.approx(0.6 * 50)
    assert found.area[0] == pytest.approx(5300)
    assert found.image_id.tolist() == [1, 1, 2]
    assert found.instance_id.tolist() == [1, 2, 3]


def test_people_without_points_place_or_scale_are_counted(tmp_path: Path) -> None:
    none = np.zeros((0, 0))
    path = release(
        tmp_path / "m.mat",
        [rect(annopoints=none), rect(objpos=none), rect(scale=none), rect()],
    )
    found = read(path)
    assert found.dropped == {"without labelled keypoints": 1, "without place or scale": 2}
    assert found.instance_id.tolist() == [4]


def test_a_single_point_and_odd_visibilities_are_read(tmp_path: Path) -> None:
    odd = [{"x": 1.0, "y": 1.0, "id": 3.0, "is_visible": v} for v in ("1", "0", np.zeros((0, 0)))]
    images = [[rect(annopoints=structs([{"point": structs([point])}]))] for point in odd]
    found = read(release(tmp_path / "m.mat", *images))
    assert found.visibility[:, 3].tolist() == [2, 1, 1]


def test_the_test_split_has_no_labels(tmp_path: Path) -> None:
    path = release(tmp_path / "m.mat", [rect()], [rect()], train=[0, 0])
    with pytest.raises(ValueError, match=r"m\.mat: nobody .*MPII's test split has no labels"):
        read(path)


def test_wrong_records_are_named(tmp_path: Path) -> None:
    wrong = structs([{"point": structs([POINTS[0] | {"id": 16.0}, POINTS[1]])}])
    path = release(tmp_path / "m.mat", [rect(), rect(annopoints=wrong)])
    with pytest.raises(ValueError, match=r"image 1 \(1.jpg\), person 2: point id 16"):
        read(path)
    with pytest.raises(ValueError, match=r"person 1: scale 0.0: the box has no area"):
        read(release(tmp_path / "n.mat", [rect(scale=0.0)]))


def test_broken_and_foreign_files_are_named(tmp_path: Path) -> None:
    path = release(tmp_path / "m.mat", [rect()])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"m\.mat: not a whole MATLAB file"):
        read(path)
    scipy.io.savemat(str(path), {"other": 1})
    with pytest.raises(ValueError, match=r"m\.mat: no MPII release"):
        read(path)
    with pytest.raises(ValueError, match=r"absent\.mat: no such file"):
        read(tmp_path / "absent.mat")
