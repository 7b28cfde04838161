"""A benchmark is data: a metric over a sample set, on all keypoints or on shared ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import posecache
from posecache import skeletons
from posecache.datasets.records import GROUND_TRUTH, check_head_sizes
from posecache.logits.store import LogitStore
from posecache.samples.store import SampleStore
from posecache.scores.oks import coco_ap, person_oks
from posecache.scores.pckh import grouped, normalised_distance
from posecache.scores.predictions import Predictions, predict
from posecache.scores.settings import Measure
from posecache.skeletons import Skeleton


def evaluate(
    name: str, measure: Measure, logits: LogitStore, samples: SampleStore
) -> dict[str, Any]:
    """The score record, on the benchmark `name`, of the model that made `logits`.

    It holds `metrics` (0-100), `protocol`, and who made it. A keypoint that the model lacks is
    derived from its own where its skeleton says how (`derived`), or else predicted at (0, 0) with
    score 0. Raises ValueError for what `Benchmark` refuses.
    """
    benchmark, own = Benchmark(measure, samples), skeletons.load(logits.skeleton)
    protocol: dict[str, Any] = {
        "metric": measure.metric,
        "samples": samples.folder.name,
        "n": samples.n,
        "boxes": samples.boxes,
        "flip": logits.flip,
        "keypoints": list(benchmark.skeleton.keypoints),
    }
    if measure.metric == "oks":
        protocol |= {"rescore": measure.rescore, "nms": measure.nms}
        protocol["sigmas"] = list(benchmark.skeleton.sigmas)
    return {
        "model": logits.model,
        "skeleton": logits.skeleton,
        "num_keypoints": own.num_keypoints,
        "derived": own.derived_among(benchmark.skeleton),
        "benchmark": name,
        "metrics": benchmark.metrics(predict(logits), own),
        "protocol": protocol,
        "posecache": posecache.__version__,
    }


@dataclass(frozen=True)
class ByPerson:
    """A model on each person of a sample set."""

    values: np.ndarray  # (N,) OKS, or with PCKh the mean distance in head sizes; NaN: no label
    labels: np.ndarray  # (N, K, 2) image px of the counted keypoints, NaN where not labelled


class Benchmark:
    """A metric over a sample set, whose truth is read once."""

    def __init__(self, measure: Measure, samples: SampleStore) -> None:
        """Raises ValueError for samples without labels, for annotations that have changed since,
        and for PCKh over samples without head sizes."""
        if not samples.labelled:
            raise ValueError(f"{samples.folder}: has no labels to score against")
        self.measure, self.samples = measure, samples
        self.skeleton = _counted(measure, samples)
        if measure.metric == "oks":
            # The annotation file itself, as crowds and unlabelled people count there.
            self._truth = restrict(samples.truth(), _places(samples, self.skeleton))
        else:
            check_head_sizes(samples.column("head_size"), samples.place)

    def metrics(self, predictions: Predictions, own: Skeleton) -> dict[str, float]:
        """All numbers (0-100) of a model whose skeleton is `own`."""
        found = predictions.among(own, self.skeleton)
        return self._oks(found) if self.measure.metric == "oks" else self._pckh(found)

    def by_person(self, predictions: Predictions, own: Skeleton) -> "ByPerson":
        """How good the predictions of each person are, of a model whose skeleton is `own`."""
        found, labels = predictions.among(own, self.skeleton), self._labels
        if self.measure.metric == "pckh":
            return ByPerson(self._distances(found), labels)
        areas = self.samples.column("area")
        if self.samples.boxes != GROUND_TRUTH:
            labels, areas = self._matched(found)
        values = person_oks(found.keypoints, labels, areas, self.skeleton.sigmas)
        return ByPerson(values, labels)

    def _distances(self, found: Predictions) -> np.ndarray:
        """Each person's mean distance (N,) in head sizes, NaN without a label."""
        labelled, head_size = self._labelled, self.samples.column("head_size")
        distance = normalised_distance(found.keypoints, self._labels, labelled, head_size)
        with np.errstate(invalid="ignore"):  # 0 / 0
            return np.where(labelled, distance, 0).sum(-1) / labelled.sum(-1)

    def _matched(self, found: Predictions) -> tuple[np.ndarray, np.ndarray]:
        """Labels (N, K, 2) and areas (N,) of detected people: those of an annotated person stand in
        the row whose prediction is the most like them, NaN in the other rows."""
        labels, areas = np.full_like(found.keypoints, np.nan), np.full(self.samples.n, np.nan)
        images, likeness = self.samples.column("image_id"), np.zeros(self.samples.n)
        order = np.argsort(images, kind="stable")
        for annotation in self._truth["annotations"]:
            wanted = annotation["image_id"]
            low, high = np.searchsorted(images, [wanted, wanted + 1], sorter=order)
            triples = np.reshape(annotation["keypoints"], (-1, 3))
            truth = np.where(triples[:, 2:] > 0, triples[:, :2], np.nan)
            if low == high or np.isnan(truth).all():
                continue
            rows, area = order[low:high], np.full(high - low, annotation["area"])
            each = np.broadcast_to(truth, (len(rows), *truth.shape))
            oks = person_oks(found.keypoints[rows], each, area, self.skeleton.sigmas)
            row = rows[oks.argmax()]
            if oks.max() > likeness[row]:
                labels[row], areas[row], likeness[row] = truth, area[0], oks.max()
        return labels, areas

    @property
    def _labelled(self) -> np.ndarray:
        """Whether each counted keypoint is labelled (N, K)."""
        return ~np.isnan(self._labels).any(-1)

    @property
    def _labels(self) -> np.ndarray:
        """The counted keypoints (N, K, 2) image px, NaN where not labelled."""
        return self.samples.keypoints[:, _places(self.samples, self.skeleton)]

    def _oks(self, found: Predictions) -> dict[str, float]:
        """COCO AP of predictions in the benchmark's skeleton."""
        image_ids, boxes = (self.samples.column(n).tolist() for n in ("image_id", "box"))
        box_scores = self.samples.column("box_score")
        people = [
            {
                "image_id": image_ids[row],
                "keypoints": found.keypoints[row],
                "keypoint_scores": found.scores[row],
                "bbox": boxes[row],
                "bbox_score": box_scores[row],
                "area": found.areas[row],
            }
            for row in range(self.samples.n)
        ]
        return coco_ap(self._truth, people, self.skeleton, self.measure.rescore, self.measure.nms)

    def _pckh(self, found: Predictions) -> dict[str, float]:
        """PCKh of predictions in the benchmark's skeleton."""
        head_size, names = self.samples.column("head_size"), self.skeleton.keypoints
        return grouped(found.keypoints, self._labels, self._labelled, head_size, names)


def _counted(measure: Measure, samples: SampleStore) -> Skeleton:
    """The samples' skeleton, or its part that another skeleton shares."""
    known = skeletons.load(samples.skeleton)
    if measure.shared_with is None:
        return known
    return skeletons.part(known, skeletons.shared(known, skeletons.load(measure.shared_with)))


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
