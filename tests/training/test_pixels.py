from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from posecache import geometry
from posecache.samples import Augmentation
from posecache.samples.flat_crops import FlatCrops
from posecache.training import cpu_pixels, gpu_pixels, pixels

HEIGHT, WIDTH = 64, 48
OFF = {"hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0, "dropout_prob": 0}


def recipe(**changes: Any) -> Augmentation:
    return Augmentation.model_validate(OFF | changes)


def pictures(count: int) -> torch.Tensor:
    images = np.random.default_rng(5).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


def as_opencv(image: torch.Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy().astype(np.uint8)


def run(how: Augmentation, images: torch.Tensor) -> torch.Tensor:
    return pixels.augment(images, how, np.random.default_rng(0))


def test_the_warp_is_opencvs() -> None:
    """For a crop that is cut from the picture and turned, mirrored and reduced to the input."""
    rng = np.random.default_rng(1)
    crop = cv2.GaussianBlur(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8), (0, 0), 2)
    crop_matrix = torch.tensor([[[0.8, 0.0, 3.0], [0.0, 0.8, -2.0]]]).double()
    center, scale = np.array([[45.0, 50.0]]), np.array([[60.0, 80.0]])
    turned = geometry.crop_matrix(center, scale, np.array([25.0]), (WIDTH, HEIGHT))
    matrix = geometry.compose(geometry.mirror(WIDTH), turned)
    ours = gpu_pixels.warp(FlatCrops.of([crop]), crop_matrix, matrix, (WIDTH, HEIGHT))
    to_input = geometry.compose(matrix, geometry.invert(crop_matrix))[0].numpy()
    theirs = cv2.warpAffine(crop, to_input, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    difference = np.abs(ours[0].permute(1, 2, 0).numpy() - theirs)
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.99) < 3


def test_a_cpu_and_a_gpu_do_the_same(device: str) -> None:
    """Each of several different images; the warp on a CPU gives whole levels."""
    rng = np.random.default_rng(2)
    sides = ((90, 90), (90, 47), (61, 90))
    noise = [rng.integers(0, 256, (*side, 3), np.uint8) for side in sides]
    crops = FlatCrops.of([cv2.GaussianBlur(image, (0, 0), 2) for image in noise])
    boxes = np.array([[5.0, 9.0, 40.0, 60.0], [20.0, 5.0, 50.0, 50.0], [-9.0, 30.0, 30.0, 55.0]])
    crop_matrix = geometry.box_matrices(boxes, (90, 90), 2.0)
    matrix = geometry.box_matrices(boxes, (WIDTH, HEIGHT), 1.1, 33.0)
    here = cpu_pixels.warp(crops, crop_matrix, matrix, (WIDTH, HEIGHT))
    sent = crops.onto(torch.device(device))
    there = gpu_pixels.warp(sent, crop_matrix, matrix, (WIDTH, HEIGHT))
    assert float((here - there.cpu()).abs().mean((1, 2, 3)).max()) < 0.6
    gains = torch.tensor([[4.0, -20, 9], [0, 0, 0], [-5, 30, -30]])
    here = cpu_pixels.shift_hsv(there.cpu(), gains)
    there = gpu_pixels.shift_hsv(there, gains.to(device))
    np.testing.assert_allclose(here, there.cpu(), atol=2e-3)
    here, there = cpu_pixels.median_blur(there.cpu(), 5), gpu_pixels.median_blur(there, 5)
    assert torch.equal(here, there.cpu())


def test_switched_off_nothing_changes() -> None:
    images = pictures(3)
    assert torch.equal(run(recipe(), images), images)


def test_the_input_is_left_alone_and_the_same_generator_gives_the_same() -> None:
    images = pictures(40)
    before = images.clone()
    how = recipe(hsv_delta=[5, 30, 30], blur_prob=0.5, median_blur_prob=0.5, dropout_prob=1)
    assert torch.equal(run(how, images), run(how, images))
    assert torch.equal(images, before)


@pytest.mark.parametrize("work", [cpu_pixels, gpu_pixels])
@pytest.mark.parametrize("gains", [(0, 0, 0), (5, -30, 20), (-5, 30, -30), (3, 0, 0)])
def test_colour_is_shifted_as_opencv_shifts_it(
    gains: tuple[int, int, int], work: ModuleType
) -> None:
    """MMDetection's YOLOXHSVRandomAug on 8-bit HSV; ours keeps fractions."""
    image = cv2.GaussianBlur(as_opencv(pictures(1)[0]), (0, 0), 1.5)
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + gains[0]) % 180
    hsv[..., 1:] = np.clip(hsv[..., 1:] + np.array(gains[1:]), 0, 255)
    theirs = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    tensor = torch.from_numpy(image).permute(2, 0, 1).float()[None]
    ours = work.shift_hsv(tensor, torch.tensor([gains], dtype=torch.float32))[0]
    difference = np.abs(ours.permute(1, 2, 0).numpy() - theirs)
    assert difference.mean() < 0.8
    assert difference.max() < 4  # there, hue is in whole half-degrees


def test_each_of_hue_saturation_and_value_moves_for_every_second_sample() -> None:
    how = recipe(hsv_delta=[5, 30, 30])
    gains = pixels.draw_gains(how, 20000, np.random.default_rng(0))
    for column, delta in zip(gains.T, how.hsv_delta, strict=True):
        # Half are switched off; of the others those below one unit are cut to 0.
        assert float((column == 0).float().mean()) == pytest.approx(0.5 + 0.5 / delta, abs=0.02)
        assert float(column.abs().max()) == delta - 1
        assert float(column.mean()) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("kernel", pixels.KERNELS)
def test_blurs_are_opencvs(kernel: int) -> None:
    image = pictures(1)
    box = pixels.box_blur(image, kernel)[0].permute(1, 2, 0).numpy()
    assert np.abs(box - cv2.blur(as_opencv(image[0]), (kernel, kernel))).max() <= 0.51
    for work in (cpu_pixels, gpu_pixels):
        median = as_opencv(work.median_blur(image, kernel)[0])
        assert np.array_equal(median, cv2.medianBlur(as_opencv(image[0]), kernel))


@pytest.mark.parametrize("name", ["blur_prob", "median_blur_prob"])
def test_blurs_happen_as_often_as_told(name: str) -> None:
    images = pictures(1).expand(1500, -1, -1, -1)[:, :, :12, :12]
    changed = (run(recipe(**{name: 0.1}), images) != images).flatten(1).any(1)
    assert float(changed.float().mean()) == pytest.approx(0.1, abs=0.025)


def test_kernels_are_equally_likely() -> None:
    kernels = pixels.draw_kernels(1.0, 6000, np.random.default_rng(0))
    sizes, counts = np.unique(kernels, return_counts=True)
    assert sizes.tolist() == [3, 5, 7]
    assert counts / 6000 == pytest.approx([1 / 3] * 3, abs=0.03)


def test_a_rectangle_of_a_fifth_to_two_fifths_is_dropped_anywhere() -> None:
    how = recipe(dropout_prob=1)
    holes = pixels.draw_holes(how, 4000, (HEIGHT, WIDTH), np.random.default_rng(0))[:, 0]
    heights = holes.any(2).sum(1)
    widths = holes.any(1).sum(1)
    assert torch.equal(heights * widths, holes.sum((1, 2)))  # whole rectangles
    # floor(side * uniform(0.2, 0.4)), as albumentations draws it
    assert (int(heights.min()), int(heights.max())) == (12, 25)
    assert (int(widths.min()), int(widths.max())) == (9, 19)
    assert float(heights.float().mean()) == pytest.approx(0.3 * HEIGHT - 0.5, abs=0.3)
    for edge in (holes[:, 0], holes[:, -1], holes[:, :, 0], holes[:, :, -1]):
        assert edge.any()
    dropped = run(how, torch.full((5, 3, HEIGHT, WIDTH), 9.0))
    assert set(dropped.unique().tolist()) == {0.0, 9.0}


def test_the_second_stage_drops_every_other_time() -> None:
    holes = pixels.draw_holes(recipe(dropout_prob=0.5), 2000, (20, 20), np.random.default_rng(0))
    assert float(holes.any(-1).any(-1).float().mean()) == pytest.approx(0.5, abs=0.04)
