"""What models agree on, by hand: the unit of OKS is 2 sigma sqrt(area)."""

import numpy as np
import pytest

from posecache import skeletons
from posecache.labelling.opinions import Opinions, agreed, distance
from posecache.labelling.settings import Annotating

UNION = skeletons.load("coco17+mpii16")
NOSE, WRIST, PELVIS = (UNION.keypoints.index(n) for n in ("nose", "left_wrist", "pelvis"))
AREA = np.array([2500.0])  # 50 px
WRIST_PX = 2 * 0.062 * 50  # of one unit


def opinions(places: dict[str, dict[int, tuple[float, float, float]]]) -> Opinions:
    """What models say of one person: x, y and score of some keypoints of theirs."""
    shape = (len(places), 1, UNION.num_keypoints)
    keypoints, scores = np.zeros((*shape, 2)), np.zeros(shape)
    for model, said in enumerate(places.values()):
        for index, (x, y, score) in said.items():
            keypoints[model, 0, index], scores[model, 0, index] = (x, y), score
    owned = [skeletons.load(name).keypoints for name in places]
    return Opinions(
        names=tuple(places),
        skeleton=UNION,
        keypoints=keypoints,
        scores=scores,
        owns=np.array([[name in own for name in UNION.keypoints] for own in owned]),
    )


def test_distance_is_the_exponent_of_oks() -> None:
    a, b = np.zeros((1, 21, 2)), np.zeros((1, 21, 2))
    b[0, WRIST] = (0, WRIST_PX)
    assert distance(a, b, AREA, UNION)[0, WRIST] == pytest.approx(1)


def test_the_mean_is_weighted_by_scores() -> None:
    said = opinions({"coco17": {WRIST: (10, 20, 0.6)}, "mpii16": {WRIST: (14, 20, 0.2)}})
    np.testing.assert_allclose(said.mean[0, WRIST], [11, 20])
    assert said.mean_score[0, WRIST] == pytest.approx(0.4)
    found = agreed(said, AREA, Annotating())  # the second lies 3 px away, half a unit
    assert found.accepted[0, WRIST]
    assert not agreed(said, AREA, Annotating(min_score=0.41)).accepted.any()
    assert not agreed(said, AREA, Annotating(agree=0.4)).accepted.any()


def test_the_score_decides_where_one_model_alone_predicts() -> None:
    said = opinions({"coco17": {NOSE: (5, 6, 0.5)}, "mpii16": {PELVIS: (7, 8, 0.2)}})
    found = agreed(said, AREA, Annotating())
    assert found.accepted[0, NOSE]
    np.testing.assert_array_equal(found.keypoints[0, NOSE], [5, 6])
    assert found.scores[0, NOSE] == 0.5
    assert not found.accepted[0, PELVIS]
    assert found.accepted.sum() == 1  # what nobody scores is at no place
