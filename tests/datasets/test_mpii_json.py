import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_mpii import head_file, person

import tiny
from posecache import datasets, skeletons
from posecache.datasets.demo.figure import NAMES
from posecache.datasets.demo.files import write
from posecache.datasets.demo.pictures import Label, pictures
from posecache.datasets.demo.settings import DemoSet

JOINTS = [NAMES.index(name) for name in skeletons.load("mpii16").keypoints]


def read(folder: Path, records: object, heads: Path | None = None) -> datasets.Annotations:
    (folder / "m.json").write_text(json.dumps(records))
    return tiny.annotations(folder / "m.json", skeleton="mpii16", format="mpii", head_boxes=heads)


def as_common(image: str, label: Label) -> dict[str, Any]:
    seen = label.visibility[JOINTS] > 0
    joints = np.where(seen[:, None], label.keypoints[JOINTS] + 1, -1)
    return person(
        image,
        center=[c + 1 for c in label.center],
        scale=label.scale,
        joints=joints.tolist(),
        joints_vis=seen.astype(int).tolist(),
    )


def test_places_boxes_and_head_sizes_are_mmposes(tmp_path: Path) -> None:
    records = [person("b.jpg"), person("a.jpg"), person("b.jpg", center=[31.0, 41.0])]
    found = read(tmp_path, records, head_file(tmp_path / "h.mat", records))
    # centre (101, 201 + 15 * 0.5) - 1, side 0.5 * 200
    assert found.box[0].tolist() == [50.0, 157.5, 100.0, 100.0]
    assert found.keypoints[0, 0].tolist() == [10.0, 20.0]
    assert np.isnan(found.keypoints[0, 15]).all()
    assert found.image_paths == ["b.jpg", "a.jpg"]
    assert found.instance_id.tolist() == [0, 2, 1]  # people of one image are adjacent
    assert found.head_size == pytest.approx([30.0] * 3)
    assert np.isnan(read(tmp_path, records).head_size).all()


def test_agrees_with_the_official_release(tmp_path: Path) -> None:
    """The same rendered people, written as the release and as the common JSON."""
    path = write(tmp_path, DemoSet(dataset="mpii", split="val", images=6, seed=4))
    release = tiny.annotations(path, skeleton="mpii16", format="mpii")
    records, corners = [], []
    for number, picture in enumerate(pictures("mpii", 6, 4), start=1):
        for label in picture.labels:
            if label.area:
                records.append(as_common(f"{number:012d}.jpg", label))
                x, y, width, height = label.head_box
                corners.append([[x + 1, y + 1], [x + width + 1, y + height + 1]])
    heads = head_file(
        tmp_path / "h.mat", records, headboxes_src=np.array(corners).transpose(1, 2, 0)
    )
    common = read(tmp_path, records, heads)
    for name in ("box", "keypoints", "head_size", "area"):
        np.testing.assert_allclose(getattr(common, name), getattr(release, name), atol=2e-4)
    assert np.array_equal(common.visibility > 0, release.visibility > 0)


def test_who_is_left_out_is_counted(tmp_path: Path) -> None:
    records = [
        person("a.jpg"),
        person("a.jpg", joints_vis=[0] * 16),
        person("a.jpg", center=[-1, -1]),
    ]
    found = read(tmp_path, records)
    assert found.dropped == {"without labelled keypoints": 1, "without place or scale": 1}


def test_the_test_split_has_no_labels(tmp_path: Path) -> None:
    record = {"image": "a.jpg", "center": [1, 1], "scale": 1.0}
    with pytest.raises(ValueError, match=r"m\.json: .*MPII's test split has no labels"):
        read(tmp_path, [record])


def test_head_boxes_of_other_people_are_refused(tmp_path: Path) -> None:
    records = [person("a.jpg"), person("b.jpg")]
    heads = head_file(tmp_path / "h.mat", records)
    with pytest.raises(ValueError, match=r"h\.mat: 2 persons, but .*m\.json has 1"):
        read(tmp_path, records[:1], heads)
    moved = [records[0], person("b.jpg", joints=[[500.0, 5.0]] * 16)]
    with pytest.raises(ValueError, match=r"h\.mat: person 1 is not the one in .* px apart"):
        read(tmp_path, moved, heads)


def test_real_people(shared: Path) -> None:
    path = shared / "data" / "mpii" / "test_mpii.json"
    found = tiny.annotations(path, skeleton="mpii16", format="mpii")
    assert len(found.box) == 5
    side = 4.718488 * 200
    corner = [965 - side / 2, 339 + 15 * 4.718488 - side / 2]
    row = found.image_paths.index("005808361.jpg")
    assert found.box[row] == pytest.approx([*corner, side, side])
    assert found.keypoints[row, 0].tolist() == [803, 710]
