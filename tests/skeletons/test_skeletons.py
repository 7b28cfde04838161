from pathlib import Path

import pytest

from posecache import skeletons

AUTHORS_MAP = [16, 14, 12, 11, 13, 15, 17, 18, 19, 20, 10, 8, 6, 5, 7, 9]  # MPII -> 21


def test_union_has_the_21_keypoints_in_order() -> None:
    union = skeletons.union(["coco17", "mpii16"])
    assert union.keypoints[:17] == skeletons.load("coco17").keypoints
    assert union.keypoints[17:] == ("pelvis", "thorax", "upper_neck", "head_top")
    assert union.name == "coco17+mpii16"
    assert skeletons.load("coco17+mpii16") == union


def test_map_from_mpii_is_the_authors() -> None:
    mpii = skeletons.load("mpii16")
    mine, theirs = mpii.indices_in(skeletons.load("coco17+mpii16"))
    assert mine.tolist() == list(range(16))
    assert theirs.tolist() == AUTHORS_MAP


def test_coco_and_mpii_share_twelve() -> None:
    coco, mpii = skeletons.load("coco17"), skeletons.load("mpii16")
    shared = skeletons.shared(coco, mpii)
    assert shared == coco.keypoints[5:]
    assert sorted(skeletons.shared(mpii, coco)) == sorted(shared)


def test_halpe_aligns_with_twenty_of_the_union() -> None:
    union, halpe = skeletons.load("coco17+mpii16"), skeletons.load("halpe26")
    mine, _ = union.indices_in(halpe)
    assert set(range(21)) - set(mine.tolist()) == {union.keypoints.index("thorax")}


@pytest.mark.parametrize("name", ["coco17", "mpii16", "halpe26", "crowdpose14", "coco17+mpii16"])
def test_flip_pairs_join_left_and_right_of_one_joint(name: str) -> None:
    skeleton = skeletons.load(name)
    sided = [k for k in skeleton.keypoints if k.startswith(("left_", "right_"))]
    assert len(skeleton.flip_pairs) * 2 == len(sided)
    for left, right in skeleton.flip_pairs:
        assert skeleton.keypoints[left].removeprefix("left_") == skeleton.keypoints[
            right
        ].removeprefix("right_")
    assert len(skeleton.sigmas) == skeleton.num_keypoints


def test_sigma_of_a_shared_keypoint_is_the_first_skeletons() -> None:
    union = skeletons.load("coco17+mpii16")
    assert union.sigmas[union.keypoints.index("left_shoulder")] == 0.079
    assert union.sigmas[union.keypoints.index("thorax")] == 0.026


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown skeleton 'coco18'.* coco17, crowdpose14"):
        skeletons.load("coco18")


def test_a_skeleton_of_your_own_joins_the_union(tmp_path: Path) -> None:
    path = tmp_path / "dog.yaml"
    path.write_text("keypoints: [nose, tail]\nsigmas: [0.5, 0.5]\nlinks: [[nose, tail]]\n")
    union = skeletons.load(f"coco17+{path}")
    assert union.keypoints == (*skeletons.load("coco17").keypoints, "tail")
    assert union.sigmas[0] == 0.026  # the first one's
    assert skeletons.files_of(union.name) == [str(path)]
    assert skeletons.load(union.name) == union


def test_the_lower_body_is_mmposes() -> None:
    union = skeletons.load("coco17+mpii16")
    assert union.lower == (11, 12, 13, 14, 15, 16, 17)


def test_a_part_keeps_the_pairs_sigmas_and_links_of_its_keypoints() -> None:
    coco = skeletons.load("coco17")
    body = skeletons.part(coco, skeletons.shared(coco, skeletons.load("mpii16")))
    assert body.name == "coco17[12]"
    assert body.keypoints == coco.keypoints[5:]
    assert body.sigmas == coco.sigmas[5:]
    assert body.flip_pairs == ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11))
    assert body.lower == (6, 7, 8, 9, 10, 11)
    kept = {(a - 5, b - 5) for a, b in coco.links if a >= 5 and b >= 5}
    assert set(body.links) == kept


def test_people_without_labels_have_a_skeleton_without_keypoints() -> None:
    none, coco = skeletons.load("none"), skeletons.load("coco17")
    assert none.num_keypoints == 0
    assert skeletons.union(["none", "coco17", "none"]) is coco
    assert skeletons.union(["none"]) is none
    assert [list(side) for side in coco.indices_in(none)] == [[], []]
    for name in ("none", "coco17+none"):
        with pytest.raises(ValueError, match="expected a skeleton with keypoints"):
            skeletons.known(name)
