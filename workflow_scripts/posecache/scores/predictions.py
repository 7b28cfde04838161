"""From SimCC logits, or a refined model's keypoints, to keypoints in the picture with their scores.

Shapes: N persons, B of them, K keypoints, Wx and Wy bins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from posecache import geometry, simcc
from posecache.geometry import Arrayish, as_float
from posecache.logits.store import LogitStore
from posecache.skeletons import Skeleton
from posecache.skeletons.placing import placed, with_derived

READ_ROWS = 1024


@dataclass(frozen=True)
class Predictions:
    """What a model says of some persons."""

    keypoints: np.ndarray  # (N, K, 2) image px
    scores: np.ndarray  # (N, K)
    areas: np.ndarray  # (N,) image px^2, of the crops that it saw

    @staticmethod
    def joined(parts: Iterable["Predictions"]) -> "Predictions":
        """Several persons' predictions, end to end."""
        return Predictions(*map(np.concatenate, zip(*map(_arrays, parts), strict=True)))

    def take(self, rows: slice | np.ndarray) -> "Predictions":
        """Those of some of the persons."""
        return Predictions(*(array[rows] for array in _arrays(self)))

    def among(self, own: Skeleton, wanted: Skeleton) -> "Predictions":
        """Those of the keypoints of another skeleton than the model's own; one that the model lacks
        and that is not derived from its own either is predicted at (0, 0) with score 0."""
        triples = np.concatenate([self.keypoints, self.scores[..., None]], -1)
        found = placed(with_derived(triples, own), own.names, wanted, fill=0.0)
        return Predictions(found[..., :2], found[..., 2], self.areas)


def _arrays(part: Predictions) -> tuple[np.ndarray, ...]:
    return part.keypoints, part.scores, part.areas


def decoded(
    said: Sequence[Arrayish], matrix: Arrayish, input_size: tuple[int, int], split_ratio: float
) -> Predictions:
    """Predictions from what a model has `said` of the crops that `matrix` (B, 2, 3) cuts from
    pictures; `input_size` is the crops' (width, height) in px.

    That is, on any device, logits x (B, K, Wx) and y (B, K, Wy), whose peaks are the keypoints, or
    beside them a refined model's own keypoints (B, K, 3): x and y in input px, and the score.
    """
    x, y, *refined = said
    if refined:
        places, scores = as_float(refined[0]).split([2, 1], dim=-1)
        scores = scores.squeeze(-1)
    else:
        places, scores = simcc.decode(x, y, split_ratio)
    keypoints = geometry.apply(geometry.invert(matrix), places.cpu().double())
    areas = geometry.crop_area(matrix, input_size)
    return Predictions(keypoints.numpy(), scores.cpu().numpy(), areas.numpy())


def predict(logits: LogitStore) -> Predictions:
    """What the model of a logit store says, from its first view."""
    parts = []
    for start in range(0, logits.n, READ_ROWS):
        rows = slice(start, start + READ_ROWS)
        x, y, matrix = logits.read(rows)
        said = [part[:, 0].astype(np.float32) for part in (x, y, *logits.refined(rows))]
        parts.append(decoded(said, matrix[:, 0], logits.input_size, logits.split_ratio))
    return Predictions.joined(parts)
