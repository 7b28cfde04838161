import numpy as np

from posecache import skeletons
from posecache.scores.predictions import Predictions

HALPE, UNION = skeletons.load("halpe26"), skeletons.load("coco17+mpii16")
THORAX = UNION.keypoints.index("thorax")


def said(skeleton: skeletons.Skeleton) -> Predictions:
    """One person's keypoints at (i, 2i) with score 1 - i / 100, i being their places."""
    place = np.arange(skeleton.num_keypoints, dtype=float)
    keypoints = np.stack([place, 2 * place], -1)[None]
    return Predictions(keypoints, 1 - place[None] / 100, np.array([50.0]))


def test_the_thorax_of_halpes_models_is_the_shoulders_midpoint() -> None:
    found = said(HALPE).among(HALPE, UNION)
    assert found.keypoints[0, THORAX].tolist() == [5.5, 11.0]  # of 5 and 6
    assert found.scores[0, THORAX] == 0.94
    neck = UNION.keypoints.index("upper_neck")
    assert found.keypoints[0, neck].tolist() == [18, 36]
    assert found.areas.tolist() == [50.0]


def test_what_a_model_lacks_lies_at_0_with_score_0() -> None:
    found = said(skeletons.load("coco17")).among(skeletons.load("coco17"), UNION)
    assert not found.keypoints[0, 17:].any()
    assert not found.scores[0, 17:].any()
    assert found.keypoints[0, 16].tolist() == [16, 32]
