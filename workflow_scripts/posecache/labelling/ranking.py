"""People ranked by how much models and labels disagree about them.

Shapes: M models, N persons, B of them, K keypoints of the opinions' skeleton, W bins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from posecache import files, skeletons
from posecache.labelling.opinions import Opinions, distance
from posecache.logits.store import LogitStore
from posecache.samples.store import SampleStore
from posecache.scores.predictions import READ_ROWS
from posecache.skeletons.placing import placed

FAR = 5.0  # units of OKS, which is 4e-6 there: further away is not more wrong


@dataclass(frozen=True)
class Parts:
    """What the ranking is made of; each grows with disagreement."""

    label_distance: np.ndarray  # (N,) of the worst keypoint, units of OKS by scores
    worst: np.ndarray  # (N,) int: that keypoint, -1 where no label is judged
    model_distance: np.ndarray  # (N,) units of OKS
    entropy: np.ndarray  # (N,) in [0, 1]

    @property
    def order(self) -> np.ndarray:
        """Rows (N,), the most doubtful first: by the labels, and where these say nothing by the
        models."""
        return np.lexsort((-self.entropy, -self.model_distance, -self.label_distance))


def parts(opinions: Opinions, labels: np.ndarray, area: np.ndarray, entropy: np.ndarray) -> Parts:
    """The parts, for labels (N, K, 2) image px, NaN where there is none, and `area` (N,) px^2.

    A label is as doubtful as its distance from the models' places, at most FAR, weighted by their
    scores; the mean is over all models, so what one alone says of a keypoint counts less. How far
    models lie apart is the mean distance from their mean place, by scores, over the keypoints that
    several of them predict.
    """
    judged = opinions.weights * ~np.isnan(labels).any(-1)
    gap = _capped(distance(opinions.keypoints, labels, area, opinions.skeleton))
    doubt = (judged * gap).mean(0)
    shared = opinions.weights * (opinions.owns.sum(0) > 1)
    apart = _capped(distance(opinions.keypoints, opinions.mean, area, opinions.skeleton))
    total = shared.sum((0, 2))
    return Parts(
        label_distance=doubt.max(1),
        worst=np.where(doubt.max(1) > 0, doubt.argmax(1), -1),
        model_distance=(shared * apart).sum((0, 2)) / np.where(total > 0, total, 1),
        entropy=entropy,
    )


def _capped(distances: np.ndarray) -> np.ndarray:
    """Distances of at most FAR, 0 where there is none (NaN)."""
    return np.minimum(np.nan_to_num(distances), FAR)


def entropy(logits: Mapping[str, LogitStore]) -> np.ndarray:
    """The mean entropy (N,) of all models' distributions, as a share of the largest possible."""
    return np.mean([_entropy(store) for store in logits.values()], axis=0)


def _entropy(logits: LogitStore) -> np.ndarray:
    found = []
    for start in range(0, logits.n, READ_ROWS):
        x, y, _ = logits.read(slice(start, start + READ_ROWS))
        axes = [_share(axis[:, 0], logits.beta) for axis in (x, y)]
        found.append(np.mean(axes, axis=(0, 2)))
    return np.concatenate(found)


def _share(logits: np.ndarray, beta: float) -> np.ndarray:
    """The entropies (B, K) of logits (B, K, W) over the uniform distribution's."""
    nats = torch.log_softmax(beta * torch.from_numpy(logits.astype(np.float32)), dim=-1)
    share: np.ndarray = (-(nats.exp() * nats).sum(-1) / np.log(logits.shape[-1])).numpy()
    return share


def labels_of(samples: SampleStore, opinions: Opinions) -> np.ndarray:
    """The labels (N, K, 2) image px in the opinions' skeleton, NaN where there is none."""
    names = skeletons.load(samples.skeleton).keypoints
    return placed(samples.keypoints.astype(np.float64), names, opinions.skeleton)


def write(path: Path, samples: SampleStore, opinions: Opinions, found: Parts) -> None:
    """The CSV, one row a person, the most doubtful first."""
    order, names = found.order, [*opinions.skeleton.keypoints, ""]
    images = [samples.manifest["image_paths"][i] for i in samples.column("image_index")[order]]
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, samples.n + 1),
            "image": images,
            "person": samples.column("instance_id")[order],
            "label_distance": found.label_distance[order],
            "keypoint": [names[index] for index in found.worst[order]],
            "model_distance": found.model_distance[order],
            "entropy": found.entropy[order],
        }
    )
    files.write_atomically(path, frame.to_csv(index=False, float_format="%.4f"))
