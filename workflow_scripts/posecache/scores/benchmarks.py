"""A benchmark is data: a metric over a sample set, on all keypoints or on shared ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import posecache
from posecache import skeletons
from posecache.datasets.records import check_head_sizes
from posecache.logits.store import LogitStore
from posecache.samples.store import SampleStore
from posecache.scores.oks import coco_ap
from posecache.scores.pckh import grouped
from posecache.scores.predictions import Predictions, predict
from posecache.scores.settings import Measure
from posecache.skeletons import Skeleton


def evaluate(
    name: str, measure: Measure, logits: LogitStore, samples: SampleStore
) -> dict[str, Any]:
    """The score record, on the benchmark `name`, of the model that made `logits`.

    It holds `metrics` (0-100), `protocol`, and who made it. A keypoint that the model lacks is
    predicted at (0, 0) with score 0. Raises ValueError for what `Benchmark` refuses.
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
        "benchmark": name,
        "metrics": benchmark.metrics(predict(logits), own),
        "protocol": protocol,
        "posecache": posecache.__version__,
    }


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
        truth = self.samples.keypoints[:, _places(self.samples, self.skeleton)]
        labelled, head_size = ~np.isnan(truth).any(-1), self.samples.column("head_size")
        return grouped(found.keypoints, truth, labelled, head_size, self.skeleton.keypoints)


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
