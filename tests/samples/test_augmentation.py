from typing import Any

import numpy as np
import pytest
import torch

from posecache import geometry, skeletons
from posecache.samples import Augmentation
from posecache.samples.augmentation import draw_matrices, half_bodies

SIZE = (48, 64)
BOXES = torch.tensor([[10.0, 20.0, 40.0, 60.0]]).repeat(4000, 1)


SKELETON = skeletons.load("coco17")
UPPER = [i for i in range(17) if i not in SKELETON.lower]


def recipe(**changes: Any) -> Augmentation:
    return Augmentation.model_validate({"half_body_prob": 0} | changes)


STILL = recipe(flip_prob=0, shift_prob=0, scale_factor=(1, 1), rotate_prob=0)


def people(count: int = 4000) -> torch.Tensor:
    """Keypoints (B, 17, 2) of people with the upper half at the left, the lower at the right."""
    points = torch.rand(count, 17, 2, generator=torch.Generator().manual_seed(0)) * 10
    points[:, list(SKELETON.lower), 0] += 100
    return points


def draw(
    how: Augmentation, boxes: torch.Tensor = BOXES, keypoints: torch.Tensor | None = None
) -> torch.Tensor:
    points = people(len(boxes)) if keypoints is None else keypoints
    return draw_matrices(boxes, points, SKELETON, how, 1.25, SIZE, np.random.default_rng(0))


def test_without_augmentation_it_is_the_plain_crop() -> None:
    plain = geometry.box_matrices(BOXES[:3], SIZE, 1.25)
    np.testing.assert_allclose(draw(STILL, BOXES[:3]), plain, rtol=1e-12)


@pytest.mark.parametrize("image_width", [100, 641])
def test_a_mirrored_crop_is_the_crop_of_the_mirrored_image(image_width: int) -> None:
    """MMPose's RandomFlip carries x to width - 1 - x, for keypoints and for the box's centre."""
    matrix = draw(STILL.model_copy(update={"flip_prob": 1.0}), BOXES[:1])
    points = torch.tensor([[[37.0, 50.0], [30.0, 20.0]]]).double()
    flipped = image_width - 1 - points[..., 0]
    centre, ratio = image_width - 1 - 30, 48 / 56.25  # 75 px high, so 56.25 px wide
    expected = (flipped - centre) * ratio + 24
    np.testing.assert_allclose(geometry.apply(matrix, points)[..., 0], expected)
    np.testing.assert_allclose(expected[0], [18.026667, 24], atol=1e-6)
    np.testing.assert_allclose(geometry.apply(matrix, points)[0, :, 1], [32, 32 - 30 * ratio])


def test_ranges_and_probabilities() -> None:
    matrix = draw(recipe(scale_factor=(0.6, 1.4), rotate_degrees=80, rotate_prob=0.5))
    plain = draw(STILL)
    det = torch.linalg.det(matrix[:, :, :2])
    assert float((det < 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    zoom = (torch.linalg.det(plain[:, :, :2]) / det.abs()).sqrt()
    assert 0.6 <= float(zoom.min()) < 0.62 < 1.38 < float(zoom.max()) <= 1.4
    # A normal distribution cut at one sigma has this standard deviation.
    assert float(zoom.std()) == pytest.approx(0.4 * 0.5396, abs=0.01)
    angle = torch.rad2deg(torch.atan2(matrix[:, 0, 1], matrix[:, 1, 1]))
    assert float(angle.abs().max()) <= 80
    assert float((angle.abs() > 1e-9).float().mean()) == pytest.approx(0.5, abs=0.03)


def test_shift_is_a_share_of_the_padded_box() -> None:
    matrix = draw(recipe(flip_prob=0, scale_factor=(1, 1), rotate_prob=0))
    place = geometry.apply(geometry.invert(matrix), torch.tensor([[24.0, 32.0]]).double())[:, 0]
    shift = (place - torch.tensor([30.0, 50.0])) / torch.tensor([50.0, 75.0])
    assert float((shift.abs().amax(1) > 1e-9).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert 0.155 < float(shift.abs().max()) <= 0.16 + 1e-9


def test_half_bodies_are_drawn_as_mmpose_draws_them() -> None:
    points = people()
    chosen, center, scale = half_bodies(points, SKELETON, 0.3, np.random.default_rng(1))
    assert float(chosen.float().mean()) == pytest.approx(0.3, abs=0.03)
    upper = center[:, 0] < 50
    assert float(upper[chosen].float().mean()) == pytest.approx(0.7, abs=0.05)
    row = int(torch.nonzero(chosen & upper)[0])
    kept = points[row, UPPER].double()
    torch.testing.assert_close(center[row], kept.mean(0))
    torch.testing.assert_close(scale[row], (kept.amax(0) - kept.amin(0)) * 1.5)


@pytest.mark.parametrize(
    ("labelled", "halves"),
    [
        (range(8), {"whole"}),  # 8 keypoints, where 9 are needed
        ([*range(10), 11], {"whole", "upper"}),  # 1 lower keypoint, where 3 are needed
        ([0, *range(11, 17)], {"whole"}),  # 7 keypoints
        (range(17), {"whole", "upper", "lower"}),
    ],
)
def test_a_half_that_is_hardly_labelled_is_never_taken(labelled: Any, halves: set[str]) -> None:
    points = people(300)
    points[:, [i for i in range(17) if i not in labelled]] = torch.nan
    chosen, center, _ = half_bodies(points, SKELETON, 0.5, np.random.default_rng(1))
    found = {"upper" if x < 50 else "lower" for x in center[chosen, 0].tolist()}
    assert found | {"whole"} == halves


def test_a_half_body_crop_is_centred_on_the_half() -> None:
    points = people(400)
    matrix = draw(STILL.model_copy(update={"half_body_prob": 1.0}), BOXES[:400], points)
    place = geometry.apply(matrix, points.double())
    middle = torch.stack([place[:, UPPER].mean(1), place[:, list(SKELETON.lower)].mean(1)])
    distance = (middle - torch.tensor([24.0, 32.0])).norm(dim=-1).amin(0)
    assert float(distance.max()) < 1e-6


def test_same_generator_same_matrices() -> None:
    assert torch.equal(draw(recipe()), draw(recipe()))


def test_people_without_labels_are_never_cut_to_a_half() -> None:
    """Neither where nothing is labelled, nor where there is no skeleton."""
    how, none = recipe(half_body_prob=1.0), skeletons.load("none")
    whole = draw(recipe(), BOXES[:50])
    drawn = draw(how, BOXES[:50], torch.full((50, 17, 2), torch.nan))
    rng = np.random.default_rng(0)
    bare = draw_matrices(BOXES[:50], torch.empty(50, 0, 2), none, how, 1.25, SIZE, rng)
    for found in (drawn, bare):
        np.testing.assert_array_equal(found, whole)
