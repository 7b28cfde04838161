"""OKS of each person, against pycocotools and hand-worked numbers."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import tiny
from posecache import samples, skeletons
from posecache.scores.benchmarks import Benchmark
from posecache.scores.oks import person_oks
from posecache.scores.predictions import Predictions
from posecache.scores.settings import Measure

COCO17 = skeletons.load("coco17")


def test_a_keypoint_off_by_its_own_spread() -> None:
    """d^2 = (2 sigma)^2 area: e^-1/2; the other keypoint is not labelled, or exact."""
    sigmas, area = (0.1, 0.2), np.full(3, 100.0)
    truth = np.array([[[5.0, 5], [np.nan, np.nan]], [[5, 5], [9, 9]], [[np.nan] * 2] * 2])
    said = np.array([[[7.0, 5], [0, 0]], [[5, 7], [9, 9]], [[0, 0], [0, 0]]])
    found = person_oks(said, truth, area, sigmas)
    np.testing.assert_allclose(found[:2], [np.exp(-0.5), (np.exp(-0.5) + 1) / 2])
    assert np.isnan(found[2])


def test_it_is_that_of_pycocotools() -> None:
    record = tiny.coco_record(images=3, people=1)
    rng = np.random.default_rng(0)
    truth = np.reshape([a["keypoints"] for a in record["annotations"]], (3, 17, 3))
    truth[rng.random((3, 17)) < 0.3] = 0  # not labelled
    for annotation, triples in zip(record["annotations"], truth, strict=True):
        annotation["keypoints"] = triples.ravel().tolist()
    said = truth[..., :2] + rng.normal(0, 2, (3, 17, 2))
    results = [
        {"image_id": n + 1, "category_id": 1, "score": 1.0,
         "keypoints": np.c_[points, np.ones(17)].ravel().tolist()}
        for n, points in enumerate(said)
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = record
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.evaluate()
    expected = [evaluation.ious[n, 1].item() for n in (1, 2, 3)]
    labels = np.where(truth[..., 2:] > 0, truth[..., :2], np.nan)
    found = person_oks(said, labels, np.full(3, 160.0), COCO17.sigmas)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def predictions(keypoints: np.ndarray) -> Predictions:
    return Predictions(keypoints, np.ones(keypoints.shape[:2]), np.ones(len(keypoints)))


def test_distances_are_in_head_sizes(tmp_path: Path) -> None:
    """Head boxes of 6 x 8 px are head sizes of 6 px."""
    store = samples.open(tiny.sample_folder(tmp_path))
    benchmark = Benchmark(Measure(metric="pckh"), store)
    found = benchmark.by_person(predictions(store.keypoints + np.float32([1.5, 2.0])), COCO17)
    np.testing.assert_allclose(found.values, 2.5 / 6, rtol=1e-5)
    np.testing.assert_array_equal(found.labels, store.keypoints)


def test_people_in_detected_boxes_are_matched_to_annotated_ones(tmp_path: Path) -> None:
    """Two detections a person: the labels go to the one whose prediction is nearer."""
    path, record = tiny.write_coco(tmp_path), tiny.coco_record()
    boxes = [
        {"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 0.9}
        for a in record["annotations"]
        for _ in range(2)
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    found = tiny.annotations(path, boxes=tmp_path / "boxes.json")
    samples.prepare(found, tmp_path / "samples")
    store = samples.open(tmp_path / "samples")
    assert np.isnan(store.keypoints).all()
    truth = np.reshape([a["keypoints"] for a in record["annotations"]], (-1, 17, 3))[..., :2]
    owner = [
        next(n for n, a in enumerate(record["annotations"])
             if a["image_id"] == image and np.allclose(a["bbox"], box, atol=1e-4))
        for image, box in zip(store.column("image_id"), store.column("box"), strict=True)
    ]  # fmt: skip
    nearer = np.array([owner.index(n) == row for row, n in enumerate(owner)])
    said = truth[owner] + np.where(nearer, 0.1, 1.0)[:, None, None]
    judged = Benchmark(Measure(metric="oks"), store).by_person(predictions(said), COCO17)
    np.testing.assert_array_equal(~np.isnan(judged.values), nearer)
    assert judged.values[nearer].min() > 0.99
    np.testing.assert_allclose(judged.labels[nearer], truth[np.array(owner)[nearer]])
    assert np.isnan(judged.labels[~nearer]).all()
