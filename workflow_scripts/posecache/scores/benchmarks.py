"""A benchmark is data: a metric over a sample set, on all keypoints or on shared ones.

Shapes: N samples, Km keypoints of the model, K keypoints of the benchmark.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import posecache
from posecache import geometry, simcc, skeletons
from posecache.datasets.records import check_head_sizes
from posecache.logits.store import LogitStore
from posecache.samples.store import SampleStore
from posecache.scores.oks import coco_ap
from posecache.scores.pckh import grouped
from posecache.scores.settings import Measure
from posecache.skeletons import Skeleton

READ_ROWS = 1024


def evaluate(
    name: str, measure: Measure, logits: LogitStore, samples: SampleStore
) -> dict[str, Any]:
    """The score record, on the benchmark `name`, of the model that made `logits`.

    It holds `metrics` (0-100), `protocol`, and who made it. A keypoint that the model lacks is
    predicted at (0, 0) with score 0. Raises ValueError for samples without labels, and for PCKh
    over samples without head sizes.
    """
    if not samples.labelled:
        raise ValueError(f"{samples.folder}: has no labels to score against")
    skeleton = _counted(measure, samples)
    keypoints, scores, areas = predict(logits, skeleton)
    protocol: dict[str, Any] = {
        "metric": measure.metric,
        "samples": samples.folder.name,
        "n": samples.n,
        "boxes": samples.boxes,
        "flip": logits.flip,
        "keypoints": list(skeleton.keypoints),
    }
    if measure.metric == "oks":
        protocol |= {"rescore": measure.rescore, "nms": measure.nms}
        protocol["sigmas"] = list(skeleton.sigmas)
        metrics = _oks(measure, samples, skeleton, keypoints, scores, areas)
    else:
        metrics = _pckh(samples, skeleton, keypoints)
    return {
        "model": logits.model,
        "skeleton": logits.skeleton,
        "num_keypoints": skeletons.load(logits.skeleton).num_keypoints,
        "benchmark": name,
        "metrics": metrics,
        "protocol": protocol,
        "posecache": posecache.__version__,
    }


def _counted(measure: Measure, samples: SampleStore) -> Skeleton:
    """The samples' skeleton, or its part that another skeleton shares."""
    known = skeletons.load(samples.skeleton)
    if measure.shared_with is None:
        return known
    return skeletons.part(known, skeletons.shared(known, skeletons.load(measure.shared_with)))


def predict(logits: LogitStore, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints (N, K, 2) image px, scores (N, K) and the crops' areas (N,) image px^2."""
    mine, theirs = skeleton.indices_in(skeletons.load(logits.skeleton))
    keypoints = np.zeros((logits.n, skeleton.num_keypoints, 2))
    scores = np.zeros((logits.n, skeleton.num_keypoints))
    areas = np.zeros(logits.n)
    for start in range(0, logits.n, READ_ROWS):
        rows = slice(start, min(start + READ_ROWS, logits.n))
        x, y, matrix = logits.read(rows)
        places, peaks = simcc.decode(
            x[:, 0].astype(np.float32), y[:, 0].astype(np.float32), logits.split_ratio
        )
        to_image = geometry.invert(matrix[:, 0])
        keypoints[rows, mine] = geometry.apply(to_image, places.double()).numpy()[:, theirs]
        scores[rows, mine] = peaks.numpy()[:, theirs]
        areas[rows] = geometry.crop_area(matrix[:, 0], logits.input_size).numpy()
    return keypoints, scores, areas


def _oks(
    measure: Measure,
    samples: SampleStore,
    skeleton: Skeleton,
    keypoints: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
) -> dict[str, float]:
    """COCO AP against the annotation file itself, as crowds and unlabelled people count there."""
    record = restrict(samples.truth(), _places(samples, skeleton))
    image_ids, box_scores = samples.column("image_id").tolist(), samples.column("box_score")
    boxes = samples.column("box").tolist()
    predictions = [
        {
            "image_id": image_ids[row],
            "keypoints": keypoints[row],
            "keypoint_scores": scores[row],
            "bbox": boxes[row],
            "bbox_score": box_scores[row],
            "area": areas[row],
        }
        for row in range(samples.n)
    ]
    return coco_ap(record, predictions, skeleton, measure.rescore, measure.nms)


def _places(samples: SampleStore, skeleton: Skeleton) -> list[int]:
    """Index of each counted keypoint in the samples' skeleton."""
    known = skeletons.load(samples.skeleton)
    return [known.keypoints.index(name) for name in skeleton.keypoints]


def restrict(record: Mapping[str, Any], indices: Sequence[int]) -> dict[str, Any]:
    """A COCO record whose annotations have only the keypoints at `indices`, recounted.

    Keypoints are arrays (K, 3) and become COCO's flat lists.
    """
    annotations = []
    for annotation in record["annotations"]:
        triples = annotation["keypoints"][list(indices)]
        count = int((triples[:, 2] > 0).sum())
        annotations.append(
            annotation | {"keypoints": triples.ravel().tolist(), "num_keypoints": count}
        )
    return {**record, "annotations": annotations}


def _pckh(samples: SampleStore, skeleton: Skeleton, keypoints: np.ndarray) -> dict[str, float]:
    head_size = samples.column("head_size")
    check_head_sizes(head_size, samples.place)
    truth = samples.keypoints[:, _places(samples, skeleton)]
    labelled = ~np.isnan(truth).any(-1)
    return grouped(keypoints, truth, labelled, head_size, skeleton.keypoints)
