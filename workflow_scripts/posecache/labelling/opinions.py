"""What several models say about the same people, in one skeleton.

Shapes: M models, N persons, K keypoints of the skeleton.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from posecache import skeletons
from posecache.labelling.settings import Annotating
from posecache.logits.store import LogitStore
from posecache.logits.store import open as open_logits
from posecache.samples.store import SampleStore
from posecache.samples.store import open as open_samples
from posecache.scores.predictions import predict
from posecache.skeletons import Skeleton

Opened: TypeAlias = tuple[SampleStore, dict[str, LogitStore]]


def open_caches(samples: Path, models: Sequence[str], folders: Sequence[Path]) -> Opened:
    """A sample set, and each model's logits over its people from the folder in the same place.

    ValueError for another number of folders than of models, and for what `logits.open` refuses.
    """
    if len(models) != len(folders):
        raise ValueError(f"--logits: {len(folders)} folders, expected one for each of {models}")
    store, pairs = open_samples(samples), zip(models, folders, strict=True)
    return store, {name: open_logits(folder, samples=store) for name, folder in pairs}


@dataclass(frozen=True, kw_only=True)
class Opinions:
    """Models' predictions. What a model does not predict itself has no weight, be it derived from
    what it does: opinions become labels."""

    names: tuple[str, ...]  # of the models
    skeleton: Skeleton
    keypoints: np.ndarray  # (M, N, K, 2) image px
    scores: np.ndarray  # (M, N, K)
    owns: np.ndarray  # (M, K) bool: which keypoints a model predicts

    @staticmethod
    def of(samples: SampleStore, logits: Mapping[str, LogitStore]) -> "Opinions":
        """Those of the models of some caches, in the union of the samples' skeleton and theirs."""
        known = [skeletons.load(store.skeleton) for store in logits.values()]
        skeleton = skeletons.union([samples.skeleton, *(own.name for own in known)])
        found = [
            predict(store).among(own, skeleton)
            for store, own in zip(logits.values(), known, strict=True)
        ]
        return Opinions(
            names=tuple(logits),
            skeleton=skeleton,
            keypoints=np.stack([part.keypoints for part in found]),
            scores=np.stack([part.scores for part in found]),
            owns=np.array([[n in own.keypoints for n in skeleton.keypoints] for own in known]),
        )

    @property
    def weights(self) -> np.ndarray:
        """How much each prediction counts (M, N, K): its score, 0 where it has none."""
        return self.scores.clip(0) * self.owns[:, None]

    @property
    def mean(self) -> np.ndarray:
        """The mean place (N, K, 2) image px by those weights, NaN where all are 0."""
        total = self.weights.sum(0)[..., None]
        moment = (self.weights[..., None] * self.keypoints).sum(0)
        return np.divide(moment, total, out=np.full_like(moment, np.nan), where=total > 0)

    @property
    def mean_score(self) -> np.ndarray:
        """The mean score (N, K) of the models that own a keypoint."""
        return (self.scores * self.owns[:, None]).sum(0) / self.owns.sum(0).clip(1)


def distance(a: np.ndarray, b: np.ndarray, area: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """How far places (..., N, K, 2) image px lie apart, (..., N, K) in units of OKS, which is
    exp(-distance^2 / 2); `area` (N,) px^2. Source: pycocotools, cocoeval.py, computeOks."""
    unit = 2 * np.array(skeleton.sigmas) * np.sqrt(area)[:, None]
    return np.linalg.norm(a - b, axis=-1) / unit


@dataclass(frozen=True)
class Agreed:
    """What the models agree on."""

    keypoints: np.ndarray  # (N, K, 2) image px
    scores: np.ndarray  # (N, K)
    accepted: np.ndarray  # (N, K) bool


def agreed(opinions: Opinions, area: np.ndarray, settings: Annotating) -> Agreed:
    """The mean places, accepted where every model that owns the keypoint lies near enough and their
    mean score is high enough; `area` (N,) px^2."""
    mean, scores = opinions.mean, opinions.mean_score
    apart = distance(opinions.keypoints, mean, area, opinions.skeleton)  # NaN where nobody says
    near = (apart <= settings.agree) | ~opinions.owns[:, None]
    accepted = near.all(0) & ~np.isnan(mean).any(-1) & (scores >= settings.min_score)
    return Agreed(mean, scores, accepted)
