"""COCO keypoint AP as MMPose computes it. Shapes: P predictions, K keypoints.

Source: MMPose evaluation/metrics/coco_metric.py and evaluation/functional/nms.py; pycocotools.
"""

import contextlib
import copy
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from posecache import files, skeletons
from posecache.scores.settings import COCO_KEYS, CROWD_KINDS
from posecache.skeletons import Skeleton

VALID_SCORE = 0.2  # keypoints below it do not count in a person's score

Record = Mapping[str, Any]


def coco_ap(
    annotations: Path | str | Record,
    predictions: Sequence[Record],
    skeleton: Skeleton | str,
    rescore: bool = True,
    nms: float | None = 0.9,
) -> dict[str, float]:
    """AP, AP50, AP75, APM, APL, AR, AR50, AR75, ARM and ARL, in 0-100.

    `annotations` is a COCO keypoint JSON's path or content. Each prediction has `image_id`,
    `keypoints` (K, 2) image px, `keypoint_scores` (K,), `bbox_score`, `area` (px^2, of the padded
    box, for NMS) and, where it is known, `bbox` (xywh image px): its size, else the keypoints'
    extent, decides whether an unmatched person is medium or large. With `rescore` a person's score
    is its box score times the mean of its keypoint scores above 0.2; persons of an image whose OKS
    exceeds `nms` are merged; None keeps all. Where images have a `crowdIndex` there are AP_easy,
    AP_medium and AP_hard too. Raises ValueError for a prediction of another number
    of keypoints or of an unknown image.
    """
    skeleton = skeletons.load(skeleton) if isinstance(skeleton, str) else skeleton
    record = annotations if isinstance(annotations, Mapping) else files.read_json(Path(annotations))
    _check(record, predictions, skeleton)
    people = [_person(prediction, rescore) for prediction in predictions]
    if nms is not None:
        people = _merge(people, np.array(skeleton.sigmas), nms)
    if not people:
        return dict.fromkeys(COCO_KEYS, 0.0)
    return _evaluate(record, [_result(person) for person in people], skeleton)


def _check(record: Record, predictions: Sequence[Record], skeleton: Skeleton) -> None:
    images = {image["id"] for image in record["images"]}
    for number, prediction in enumerate(predictions):
        found = np.shape(prediction["keypoints"])
        if found != (skeleton.num_keypoints, 2):
            raise ValueError(
                f"prediction {number}: keypoints of shape {found}, "
                f"expected ({skeleton.num_keypoints}, 2) for {skeleton.name}"
            )
        if prediction["image_id"] not in images:
            raise ValueError(
                f"prediction {number}: image {prediction['image_id']} is not among the annotations'"
            )


def person_score(box_score: float, scores: np.ndarray) -> float:
    """A person's score: its box's times the mean of its keypoint scores (K,) above 0.2."""
    valid = scores[scores > VALID_SCORE]
    return box_score * (float(valid.mean()) if len(valid) else 0.0)


def _person(prediction: Record, rescore: bool) -> dict[str, Any]:
    """What NMS and the evaluation need of a prediction."""
    scores = np.asarray(prediction["keypoint_scores"], np.float64)
    score = float(prediction["bbox_score"])
    if rescore:
        score = person_score(score, scores)
    return {
        "image_id": prediction["image_id"],
        "keypoints": np.asarray(prediction["keypoints"], np.float64),
        "scores": scores,
        "score": score,
        "area": float(prediction["area"]),
        "bbox": prediction.get("bbox"),
    }


def _merge(
    people: list[dict[str, Any]], sigmas: np.ndarray, threshold: float
) -> list[dict[str, Any]]:
    """OKS non-maximum suppression within each image, highest scores first."""
    by_image = defaultdict(list)
    for person in people:
        by_image[person["image_id"]].append(person)
    kept = []
    for group in by_image.values():
        rest = sorted(group, key=lambda person: -person["score"])
        while rest:
            best, *others = rest
            kept.append(best)
            rest = [p for p in others if _oks(best, p, sigmas) <= threshold]
    return kept


def _oks(best: dict[str, Any], other: dict[str, Any], sigmas: np.ndarray) -> float:
    """Object keypoint similarity of two predictions, the size being the mean of their areas."""
    size = np.array((best["area"] + other["area"]) / 2)
    return float(_similarity(best["keypoints"], other["keypoints"], size, sigmas).mean())


def person_oks(
    predictions: np.ndarray, truth: np.ndarray, areas: np.ndarray, sigmas: Sequence[float]
) -> np.ndarray:
    """The OKS (P,), in [0, 1], of predictions (P, K, 2) of people whose keypoints are `truth`
    (P, K, 2), NaN where not labelled, both in image px; `areas` (P,) in image px^2.

    NaN for people without a label or an area. Source: pycocotools cocoeval.py, computeOks.
    """
    labelled = ~np.isnan(truth).any(-1)
    each = _similarity(predictions, np.nan_to_num(truth), areas, np.array(sigmas))
    with np.errstate(invalid="ignore"):  # 0 / 0: without a label
        return (each * labelled).sum(-1) / labelled.sum(-1)


def _similarity(a: np.ndarray, b: np.ndarray, area: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Likeness (..., K) in [0, 1] of keypoints (..., K, 2) of people of an `area` (...)."""
    squared = ((a - b) ** 2).sum(-1)
    size = np.asarray(area)[..., None] + np.spacing(1)
    return np.exp(-squared / (2 * sigmas) ** 2 / size / 2)


def _result(person: dict[str, Any]) -> dict[str, Any]:
    """A person as pycocotools reads it."""
    triples = np.concatenate([person["keypoints"], person["scores"][:, None]], axis=1)
    result = {
        "image_id": person["image_id"],
        "category_id": 1,
        "keypoints": triples.ravel().tolist(),
        "score": person["score"],
    }
    return result if person["bbox"] is None else result | {"bbox": list(person["bbox"])}


def _evaluate(
    record: Record, results: list[dict[str, Any]], skeleton: Skeleton
) -> dict[str, float]:
    truth = COCO()
    # pycocotools writes into what it is given.
    truth.dataset = copy.deepcopy(dict(record))
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        metrics = dict(zip(COCO_KEYS, (100 * evaluation.stats).tolist(), strict=True))
        if all("crowdIndex" in image for image in record["images"]):
            metrics |= _by_crowding(record, evaluation)
    return metrics


def _by_crowding(record: Record, evaluation: COCOeval) -> dict[str, float]:
    """AP over the images of each kind; -1 where there is none.

    Source: xtcocotools cocoeval.py, get_type_result.
    """
    metrics = {}
    for name, (low, high) in CROWD_KINDS.items():
        chosen = [i["id"] for i in record["images"] if low <= i["crowdIndex"] < high]
        metrics[name] = -1.0
        if chosen:
            evaluation.params.imgIds = chosen
            evaluation.evaluate()
            evaluation.accumulate()
            metrics[name] = 100 * float(evaluation.eval["precision"][:, :, :, 0, :].mean())
    return metrics
