import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

import tiny
from posecache import skeletons
from posecache.datasets import synthetic_files
from posecache.datasets.figure import NAMES
from posecache.datasets.synthetic import pictures
from posecache.datasets.synthetic_files import ANNOTATIONS, write


@pytest.mark.parametrize("dataset", sorted(ANNOTATIONS))
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, dataset: str) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, threads in zip(folders, (1, 3), strict=True):
        write(folder, dataset=dataset, split="train", images=4, seed=7, threads=threads)
    found = [{p.relative_to(f): p.read_bytes() for p in f.rglob("*.*")} for f in folders]
    assert found[0] == found[1]
    assert len(found[0]) == 5


def test_another_seed_gives_other_people() -> None:
    one, other = (next(pictures("coco", 1, seed)).jpeg for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize(
    ("dataset", "skeleton"), [("coco", "coco17"), ("mpii", "mpii16"), ("halpe", "halpe26")]
)
def test_the_readers_read_what_was_drawn(tmp_path: Path, dataset: str, skeleton: str) -> None:
    path = write(tmp_path, dataset=dataset, split="val", images=12, seed=3)
    found = tiny.annotations(path, tmp_path / "val", skeleton, dataset)
    drawn = list(pictures(dataset, 12, 3))
    people = [label for p in drawn for label in p.labels if label.area and label.visibility.any()]
    order = [NAMES.index(name) for name in skeletons.load(skeleton).keypoints]
    kept = [label for label in people if label.visibility[order].any()]
    assert len(found.box) == len(kept)
    for row, label in enumerate(kept):
        seen = label.visibility[order] > 0
        np.testing.assert_allclose(
            found.keypoints[row, seen], label.keypoints[order][seen], atol=0.01
        )
        assert np.isnan(found.keypoints[row, ~seen]).all()


def test_limbs_have_their_sides_colours_where_the_keypoints_are() -> None:
    """Half way down an upper arm whose ends are seen, a left one is bluer, a right one redder."""
    right = []
    for picture in pictures("mpii", 40, 5):
        image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
        for label in picture.labels:
            for side, sign in (("left", 1), ("right", -1)):
                arm = [NAMES.index(f"{side}_{joint}") for joint in ("shoulder", "elbow")]
                if (label.visibility[arm] == 2).all():
                    x, y = label.keypoints[arm].mean(0).round().astype(int)
                    blue, _, red = image[y, x]
                    right.append(sign * (blue - red) > 0)
    assert len(right) > 40
    assert np.mean(right) > 0.9  # the torso or another limb may lie over the rest


def test_coco_people_are_cut_and_several_and_mpii_people_whole_and_large() -> None:
    share, count, heights = {}, {}, {}
    for dataset in ("coco", "mpii"):
        found = [p.labels for p in pictures(dataset, 80, 11)]
        labels = [label for people in found for label in people if label.area]
        share[dataset] = np.mean([(label.visibility[:17] > 0).mean() for label in labels])
        count[dataset] = np.mean([len(people) for people in found])
        heights[dataset] = np.std([np.log(label.height) for label in labels])
    assert share["coco"] + 0.05 < share["mpii"]
    assert count["coco"] > 1.7 > 1.4 > count["mpii"]
    assert heights["coco"] > 1.5 * heights["mpii"]


def test_mpii_release_is_one_based_with_head_boxes(tmp_path: Path) -> None:
    path = write(tmp_path, dataset="mpii", split="train", images=3, seed=1)
    content = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)["RELEASE"]
    label = next(pictures("mpii", 1, 1)).labels[0]
    rect = np.atleast_1d(content.annolist[0].annorect)[0]
    assert rect.x1 == pytest.approx(label.head_box[0] + 1)
    assert rect.x2 - rect.x1 == pytest.approx(label.head_box[2])
    nose = label.keypoints[NAMES.index("nose")] + 1
    assert rect.x1 < nose[0] < rect.x2
    assert rect.y1 < nose[1] < rect.y2
    assert rect.scale == pytest.approx(label.height / 200)


def test_halpe_has_136_keypoints_and_coco_head_boxes(tmp_path: Path) -> None:
    halpe = json.loads(
        write(tmp_path / "h", dataset="halpe", split="v", images=2, seed=1).read_text()
    )
    assert {len(a["keypoints"]) for a in halpe["annotations"]} == {136 * 3}
    coco = json.loads(
        write(tmp_path / "c", dataset="coco", split="v", images=2, seed=1).read_text()
    )
    for annotation in coco["annotations"]:
        assert len(annotation["head_box"]) == 4
        assert sum(v > 0 for v in annotation["keypoints"][2::3]) == annotation["num_keypoints"]


def test_an_interrupted_call_leaves_nothing_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic_files, "pictures", broken)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, dataset="coco", split="train", images=2, seed=1)
    assert list(tmp_path.iterdir()) == []
