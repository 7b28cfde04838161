"""Keypoints of one skeleton put into another.

Shapes: N persons, K keypoints of a skeleton and D derived ones, K' keypoints of another skeleton.
"""

from collections.abc import Sequence

import numpy as np

from posecache.skeletons import Skeleton, places


def placed(
    values: np.ndarray, names: Sequence[str], wanted: Skeleton, fill: float = np.nan
) -> np.ndarray:
    """Values (N, K, ...) of the keypoints `names` at their places in a skeleton (N, K', ...), and
    `fill` at those of others."""
    mine, theirs = places(wanted.keypoints, names)
    shape = (len(values), wanted.num_keypoints, *values.shape[2:])
    found = np.full(shape, fill, values.dtype)
    found[:, mine] = values[:, theirs]
    return found


def with_derived(triples: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Keypoints (N, K, 3) of a skeleton, as x, y and a score or visibility, and after them its
    derived ones (N, K + D, 3): `skeleton.names`.

    A derived keypoint lies at the mean of those that it follows from, with the smallest of their
    scores or visibilities: it is as sure as the least sure of them, and labelled where all are.
    """
    found = [triples]
    for _, sources in skeleton.derived:
        from_these = triples[:, list(sources)]
        place, score = from_these[..., :2].mean(1), from_these[..., 2:].min(1)
        found.append(np.concatenate([place, score], 1)[:, None])
    return np.concatenate(found, 1)
