from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posecache import simcc

SIZE = (48, 64)


@pytest.mark.parametrize(("size", "sigma"), [((192, 256), (4.9, 5.66)), ((256, 256), (5.66, 5.66))])
def test_codec_equals_mmpose(
    shared: Path, size: tuple[int, int], sigma: tuple[float, float]
) -> None:
    ops = np.load(shared / "parity" / "ops.npz")
    name = f"codec_{size[0]}x{size[1]}"
    x, y, weight = simcc.encode(ops[f"{name}_kpts"], ops[f"{name}_vis"], size, sigma)
    for person in range(2):
        np.testing.assert_allclose(x[person], ops[f"{name}_x{person}"][0], atol=1e-6)
        np.testing.assert_allclose(y[person], ops[f"{name}_y{person}"][0], atol=1e-6)
        np.testing.assert_array_equal(weight[person], ops[f"{name}_w{person}"][0])
    keypoints, scores = simcc.decode(ops[f"{name}_lx"], ops[f"{name}_ly"])
    np.testing.assert_array_equal(keypoints, ops[f"{name}_dec"])
    np.testing.assert_array_equal(scores, ops[f"{name}_score"])


def test_flip_equals_mmpose(shared: Path) -> None:
    ops = np.load(shared / "parity" / "ops.npz")
    pairs = [(i, i + 1) for i in range(1, 17, 2)]
    x, y = simcc.flip(ops["loss_px"], ops["loss_py"], pairs)
    np.testing.assert_array_equal(x, ops["flip_x"])
    np.testing.assert_array_equal(y, ops["flip_y"])


def test_default_sigma_is_rtmposes() -> None:
    np.testing.assert_allclose(simcc.default_sigma((192, 256)), (4.9, 5.66), atol=5e-3)
    np.testing.assert_allclose(simcc.default_sigma((288, 384)), (6.0, 6.93), atol=5e-3)


@given(x=st.integers(0, 95), y=st.integers(0, 127))
def test_decode_returns_what_encode_drew(x: int, y: int) -> None:
    label_x, label_y, _ = simcc.encode([[[x / 2, y / 2]]], [[1.0]], SIZE, (2.0, 2.0))
    keypoints, scores = simcc.decode(label_x, label_y)
    assert keypoints.tolist() == [[[x / 2, y / 2]]]
    assert scores.tolist() == [[1.0]]


def test_unlabelled_and_far_keypoints_weigh_nothing() -> None:
    nan = float("nan")
    x, _, weight = simcc.encode([[[5, 5], [-90, 5], [nan, nan]]], [[0, 1, 1]], SIZE, (2.0, 2.0))
    assert weight.tolist() == [[0, 0, 0]]
    assert float(x.abs().sum()) == 0
