from typing import Any

import cv2
import numpy as np
import pytest
import torch

from posecache import geometry
from posecache.recipe import Recipe
from posecache.training.augment import draw_matrices, warp

SIZE = (48, 64)
BOXES = torch.tensor([[10.0, 20.0, 40.0, 60.0]]).repeat(4000, 1)


def recipe(**changes: Any) -> Recipe:
    variant = {"deepen": 1, "widen": 1, "stride": 16}
    return Recipe.model_validate({"variant": variant, "input_size": SIZE} | changes)


STILL = recipe(flip_prob=0, shift_prob=0, scale_factor=(1, 1), rotate_prob=0)


def draw(how: Recipe, boxes: torch.Tensor = BOXES) -> torch.Tensor:
    return draw_matrices(boxes, how, np.random.default_rng(0))


def test_without_augmentation_it_is_the_plain_crop() -> None:
    plain = geometry.box_matrices(BOXES[:3], SIZE, 1.25)
    np.testing.assert_allclose(draw(STILL, BOXES[:3]), plain, rtol=1e-12)


def test_ranges_and_probabilities() -> None:
    matrix = draw(recipe(scale_factor=(0.6, 1.4), rotate_degrees=80, rotate_prob=0.5))
    plain = draw(STILL)
    det = torch.linalg.det(matrix[:, :, :2])
    assert float((det < 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    zoom = (torch.linalg.det(plain[:, :, :2]) / det.abs()).sqrt()
    assert 0.6 <= float(zoom.min()) < 0.62 < 1.38 < float(zoom.max()) <= 1.4
    # A normal cut at one sigma has this standard deviation.
    assert float(zoom.std()) == pytest.approx(0.4 * 0.5396, abs=0.01)
    angle = torch.rad2deg(torch.atan2(matrix[:, 0, 1], matrix[:, 1, 1]))
    assert float(angle.abs().max()) <= 80
    assert float((angle.abs() > 1e-9).float().mean()) == pytest.approx(0.5, abs=0.03)


def test_same_generator_same_matrices() -> None:
    assert torch.equal(draw(recipe()), draw(recipe()))


def test_warp_equals_opencv() -> None:
    rng = np.random.default_rng(1)
    crop = cv2.GaussianBlur(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8), (0, 0), 2)
    crop_matrix = torch.tensor([[[0.8, 0.0, 3.0], [0.0, 0.8, -2.0]]]).double()
    matrix = draw(recipe(), BOXES[:1])
    ours = warp(torch.from_numpy(crop)[None], crop_matrix, matrix, SIZE)
    to_input = geometry.compose(matrix, geometry.invert(crop_matrix))[0].numpy()
    theirs = cv2.warpAffine(crop, to_input, SIZE, flags=cv2.INTER_LINEAR)
    difference = np.abs(ours[0].permute(1, 2, 0).numpy() - theirs)
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.99) < 3
