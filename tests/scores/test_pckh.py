import json
from pathlib import Path

import numpy as np
import pytest

from posecache.scores import mpii_pckh
from posecache.scores.pckh import grouped

KEYS = {
    "head": "Head PCK", "shoulder": "Shoulder PCK", "elbow": "Elbow PCK", "wrist": "Wrist PCK",
    "hip": "Hip PCK", "knee": "Knee PCK", "ankle": "Ankle PCK", "mean": "PCK",
    "mean@0.1": "PCK@0.1",
}  # fmt: skip


def test_equals_mmpose(shared: Path) -> None:
    ops = np.load(shared / "parity" / "ops.npz")
    found = mpii_pckh(ops["pckh_pred"], ops["pckh_gt"], ops["pckh_vis"], ops["pckh_head"])
    expected = json.loads(str(ops["pckh_expected"]))
    for key, name in KEYS.items():
        assert found[key] == pytest.approx(expected[name], abs=1e-6)


def test_zero_based_predictions_meet_one_based_truth() -> None:
    points = np.random.default_rng(0).uniform(50, 90, (2, 16, 2))
    found = mpii_pckh(points - 1, points, np.ones((2, 16), bool), np.array([10.0, 10.0]))
    assert list(found.values()) == pytest.approx([100] * 9)


def test_by_hand() -> None:
    """Two persons, head 10 px; a wrist 5 px off counts at 0.5, one 5.1 px off does not."""
    names = ("left_wrist", "right_wrist", "pelvis")
    truth = np.zeros((2, 3, 2))
    guess = truth.copy()
    guess[0, 0, 0], guess[0, 1, 0], guess[1, 1, 0], guess[:, 2] = 5.0, 5.1, 0.9, 99.0
    labelled = np.array([[1, 1, 1], [0, 1, 1]])
    found = grouped(guess, truth, labelled, np.array([10.0, 10.0]), names)
    assert found == pytest.approx({"wrist": 75.0, "mean": 200 / 3, "mean@0.1": 100 / 3})


def test_further_groups_are_means_of_their_keypoints_at_both_thresholds() -> None:
    """Head 10 px: the thorax is 4 px off, the pelvis 6 px, the neck 0.5 px."""
    names = ("thorax", "pelvis", "head_top", "upper_neck")
    truth = np.zeros((1, 4, 2))
    guess = truth.copy()
    guess[0, :, 0] = 4.0, 6.0, 0.0, 0.5
    found = grouped(guess, truth, np.ones((1, 4)), np.array([10.0]), names)
    assert (found["trunk"], found["trunk@0.1"]) == (50.0, 0.0)
    assert (found["neck"], found["neck@0.1"]) == (100.0, 100.0)
    assert (found["midline"], found["midline@0.1"]) == (75.0, 50.0)
    assert (found["head"], found["mean"]) == (100.0, 100.0)  # MPII's mean: no thorax, no pelvis
    assert "face" not in found


def test_nothing_labelled_is_an_error() -> None:
    zeros = np.zeros((1, 1, 2))
    with pytest.raises(ValueError, match="none of the benchmark's keypoints"):
        grouped(zeros, zeros, np.zeros((1, 1)), np.ones(1), ("left_wrist",))
