"""Keypoints put into another skeleton, and those that are derived, by hand."""

from pathlib import Path

import numpy as np
import pytest

from posecache import skeletons
from posecache.skeletons.placing import placed, with_derived

HALPE = skeletons.load("halpe26")
UNION = skeletons.load("coco17+mpii16")


@pytest.fixture
def face(tmp_path: Path) -> skeletons.Skeleton:
    """A skeleton that derives what lies between the eyes, and a centre of all three."""
    path = tmp_path / "face.yaml"
    path.write_text(
        "keypoints: [left_eye, right_eye, nose]\nsigmas: [0.1, 0.1, 0.1]\nlinks: []\n"
        "derived: {bridge: [left_eye, right_eye], centre: [nose, left_eye, right_eye]}\n"
    )
    return skeletons.load(str(path))


def test_a_derived_keypoint_is_the_mean_place_with_the_smallest_score(
    face: skeletons.Skeleton,
) -> None:
    people = np.array([[[2, 4, 0.5], [4, 8, 0.25], [9, 0, 1.0]], [[0, 0, 2], [1, 1, 0], [2, 2, 1]]])
    found = with_derived(people, face)
    assert face.names == ("left_eye", "right_eye", "nose", "bridge", "centre")
    np.testing.assert_array_equal(found[:, :3], people)
    np.testing.assert_array_equal(found[:, 3], [[3, 6, 0.25], [0.5, 0.5, 0]])
    np.testing.assert_array_equal(found[:, 4], [[5, 4, 0.25], [1, 1, 0]])


def test_it_is_no_keypoint_of_its_skeleton(face: skeletons.Skeleton) -> None:
    assert face.num_keypoints == len(face.content["keypoints"]) == 3
    assert HALPE.num_keypoints == 26
    assert HALPE.derived_among(UNION) == {"thorax": ["left_shoulder", "right_shoulder"]}
    assert HALPE.derived_among(skeletons.load("coco17")) == {}


def test_a_union_derives_what_none_of_its_parts_has(face: skeletons.Skeleton) -> None:
    both = skeletons.union(["mpii16", "halpe26", face.name])
    assert both.keypoints.count("thorax") == 1  # MPII's own
    assert both.names[-2:] == ("bridge", "centre")
    eyes = [both.keypoints.index(name) for name in ("left_eye", "right_eye")]
    assert both.derived[0] == ("bridge", tuple(eyes))
    assert skeletons.part(both, ["nose"]).derived == ()


def test_values_stand_at_their_names_and_others_are_filled() -> None:
    values = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    found = placed(values, ["nose", "tail"], UNION)
    assert found.dtype == np.float32
    assert found[0, UNION.keypoints.index("nose")].tolist() == [0, 1]
    assert np.isnan(found).sum() == 40
    assert placed(values, ["tail", "snout"], UNION, fill=0.0).sum() == 0
