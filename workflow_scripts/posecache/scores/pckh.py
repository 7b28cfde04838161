"""PCKh: the share of keypoints within a fraction of the head's size.

Shapes: N persons, K keypoints.

Source: MMPose evaluation/metrics/keypoint_2d_metrics.py, MpiiPCKAccuracy.
"""

from collections.abc import Sequence

import numpy as np

from posecache import skeletons
from posecache.scores.settings import FURTHER_GROUPS, PCKH_GROUPS

THRESHOLD, STRICT = 0.5, 0.1
LEFT_OUT = ("pelvis", "thorax")  # left out of every mean, as in MPII's evaluation


def mpii_pckh(
    predictions: np.ndarray, keypoints: np.ndarray, labelled: np.ndarray, head_size: np.ndarray
) -> dict[str, float]:
    """head, shoulder, elbow, wrist, hip, knee, ankle, mean at 0.5, and mean@0.1; in 0-100.

    `predictions` (N, 16, 2) 0-based image px, `keypoints` (N, 16, 2) 1-based as MPII's,
    `labelled` (N, 16), `head_size` (N,) px, 0.6 of the head box's diagonal. A group is the plain
    mean of its joints; the means weigh each joint by how often it is labelled.
    """
    names = skeletons.load("mpii16").keypoints
    found = grouped(predictions + 1.0, keypoints, labelled, head_size, names)
    return {key: found[key] for key in (*PCKH_GROUPS, "mean", "mean@0.1")}


def grouped(
    predictions: np.ndarray,
    keypoints: np.ndarray,
    labelled: np.ndarray,
    head_size: np.ndarray,
    names: Sequence[str],
) -> dict[str, float]:
    """MPII's groups and means over the keypoints `names`, both in the same image px.

    Further groups are given at both thresholds, as `face` and `face@0.1`. Groups with a joint that
    is not among `names` are left out.
    """
    labelled = np.asarray(labelled, bool).reshape(keypoints.shape[:2])
    distance = normalised_distance(predictions, keypoints, labelled, head_size)
    loose = percentages(distance <= THRESHOLD, labelled)
    strict = percentages(distance <= STRICT, labelled)
    place = {name: index for index, name in enumerate(names)}
    result = {}
    for group, joints in (PCKH_GROUPS | FURTHER_GROUPS).items():
        if all(joint in place for joint in joints):
            indices = [place[joint] for joint in joints]
            result[group] = float(loose[indices].mean())
            if group in FURTHER_GROUPS:
                result[f"{group}@0.1"] = float(strict[indices].mean())
    counted = [index for name, index in place.items() if name not in LEFT_OUT]
    weight = labelled[:, counted].sum(0)
    if not weight.sum():
        raise ValueError("PCKh: none of the benchmark's keypoints is labelled")
    share = weight / weight.sum()
    result["mean"] = float(loose[counted] @ share)
    result["mean@0.1"] = float(strict[counted] @ share)
    return result


def normalised_distance(
    predictions: np.ndarray, keypoints: np.ndarray, labelled: np.ndarray, head_size: np.ndarray
) -> np.ndarray:
    """Distances (N, K) divided by the head size; infinite where not labelled."""
    distance = np.linalg.norm(predictions - keypoints, axis=-1)
    return np.where(labelled, distance / np.reshape(head_size, (-1, 1)), np.inf)


def percentages(hit: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Percentage (K,) of the labelled ones that are hit; 0 where none is labelled."""
    return 100.0 * (hit & labelled).sum(0) / np.maximum(labelled.sum(0), 1)
