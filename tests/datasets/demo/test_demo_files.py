import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import tiny
from posecache import skeletons
from posecache.datasets.demo.figure import NAMES
from posecache.datasets.demo.files import write
from posecache.datasets.demo.pictures import pictures
from posecache.datasets.demo.settings import ANNOTATIONS, FRAMED, DemoSet


@pytest.mark.parametrize("dataset", sorted(ANNOTATIONS))
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, dataset: str) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, threads in zip(folders, (1, 3), strict=True):
        write(folder, DemoSet(dataset=dataset, split="train", images=4, seed=7), threads=threads)
    found = [{p.relative_to(f): p.read_bytes() for p in f.rglob("*.*")} for f in folders]
    assert found[0] == found[1]
    assert len(found[0]) == 5


@pytest.mark.parametrize(
    ("dataset", "skeleton"),
    [("coco", "coco17"), ("mpii", "mpii16"), ("halpe", "halpe26"), ("crowdpose", "crowdpose14")],
)
def test_the_readers_read_what_was_drawn(tmp_path: Path, dataset: str, skeleton: str) -> None:
    path = write(tmp_path, DemoSet(dataset=dataset, split="val", images=12, seed=3))
    found = tiny.annotations(path, tmp_path / "val", skeleton, dataset)
    drawn = list(pictures(FRAMED[dataset], 12, 3))
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


def test_labels_scatter_as_far_as_annotators_do(tmp_path: Path) -> None:
    exact, scattered = (
        write(
            tmp_path / str(scatter),
            DemoSet(dataset="coco", split="train", images=60, seed=3, scatter=scatter),
        )
        for scatter in (0, 1)
    )
    pictures_of = [sorted(p.parents[1].glob("train/*.jpg")) for p in (exact, scattered)]
    assert [a.read_bytes() for a in pictures_of[0]] == [b.read_bytes() for b in pictures_of[1]]
    true, given = (
        tiny.annotations(path, path.parents[1] / "train", "coco17") for path in (exact, scattered)
    )
    distance = np.square(given.keypoints - true.keypoints).sum(-1)
    sigmas = np.sqrt(np.nanmean(distance / true.area[:, None], axis=0))
    # Each of some hundred draws; those at the picture's borders are moved inside.
    np.testing.assert_allclose(sigmas, skeletons.load("coco17").sigmas, rtol=0.25)
    assert (np.isnan(given.keypoints) == np.isnan(true.keypoints)).all()


def test_mpii_release_is_one_based_with_head_boxes(tmp_path: Path) -> None:
    path = write(tmp_path, DemoSet(dataset="mpii", split="train", images=3, seed=1))
    content = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True)["RELEASE"]
    label = next(pictures("mpii", 1, 1)).labels[0]
    rect = np.atleast_1d(content.annolist[0].annorect)[0]
    assert rect.x1 == pytest.approx(label.head_box[0] + 1)
    assert rect.x2 - rect.x1 == pytest.approx(label.head_box[2])
    nose = label.keypoints[NAMES.index("nose")] + 1
    assert rect.x1 < nose[0] < rect.x2
    assert rect.y1 < nose[1] < rect.y2
    assert rect.scale == pytest.approx(label.scale)


def test_halpe_has_136_keypoints_and_coco_head_boxes(tmp_path: Path) -> None:
    halpe = json.loads(
        write(tmp_path / "h", DemoSet(dataset="halpe", split="v", images=2, seed=1)).read_text()
    )
    assert {len(a["keypoints"]) for a in halpe["annotations"]} == {136 * 3}
    coco = json.loads(
        write(tmp_path / "c", DemoSet(dataset="coco", split="v", images=2, seed=1)).read_text()
    )
    for annotation in coco["annotations"]:
        assert len(annotation["head_box"]) == 4
        assert sum(v > 0 for v in annotation["keypoints"][2::3]) == annotation["num_keypoints"]


def test_all_keypoints_are_written_of_people_framed_and_boxed_as_mpii_does(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"split": "val", "images": 8, "seed": 4}
    crossed = DemoSet(dataset="halpe", framing="mpii", **asked)
    path = write(tmp_path / "halpe", crossed)
    found = tiny.annotations(path, tmp_path / "halpe/val", "halpe26+mpii16", "halpe")
    own = write(tmp_path / "mpii", DemoSet(dataset="mpii", **asked))
    mpii = tiny.annotations(own, tmp_path / "mpii/val", "mpii16", "mpii")
    pictures = [
        (tmp_path / name / "val/000000000003.jpg").read_bytes() for name in ("halpe", "mpii")
    ]
    assert pictures[0] == pictures[1]
    assert found.keypoints.shape == (len(mpii.box), 27, 2)
    np.testing.assert_allclose(found.head_size, mpii.head_size, atol=0.02)
    corner = np.maximum(mpii.box[:, :2], 0)  # clipped to the picture, as COCO's boxes are
    opposite = np.minimum(mpii.box[:, :2] + mpii.box[:, 2:], 287)
    np.testing.assert_allclose(found.box, np.c_[corner, opposite - corner], atol=0.02)


def test_an_interrupted_call_leaves_nothing_in_place(tmp_path: Path) -> None:
    code = (
        "import signal\nfrom pathlib import Path\n"
        "from posecache.datasets.demo.files import write\n"
        "from posecache.datasets.demo.settings import DemoSet\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a parent may ignore SIGINT
        "wanted = DemoSet(dataset='coco', split='train', images=500, seed=1)\n"
        f"write(Path({str(tmp_path)!r}), wanted)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.rglob("*.jpg")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate()[1]
    assert list(tmp_path.iterdir()) == []
