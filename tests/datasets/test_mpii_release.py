from pathlib import Path

import numpy as np
import pytest
import scipy.io
from tiny_mpii import annopoints, rect, release

import tiny
from posecache import datasets


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
    images = [[rect(annopoints=annopoints(point))] for point in odd]
    found = read(release(tmp_path / "m.mat", *images))
    assert found.visibility[:, 3].tolist() == [2, 1, 1]


def test_the_test_split_has_no_labels(tmp_path: Path) -> None:
    path = release(tmp_path / "m.mat", [rect()], [rect()], img_train=np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"m\.mat: nobody .*MPII's test split has no labels"):
        read(path)


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
