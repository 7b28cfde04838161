"""A training crop's pixels, batched on their device: the warp, colour, blur, a dropped rectangle.

Images are (B, 3, H, W) float RGB in 0-255. Ranges and chances are those of MMDetection's
YOLOXHSVRandomAug and albumentations' Blur, MedianBlur and CoarseDropout at RTMPose's settings;
here the image keeps its fractions where theirs is rounded to 8 bits after every step.
"""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from posecache.devices import onto
from posecache.samples.settings import Augmentation
from posecache.training import cpu_pixels, gpu_pixels

KERNELS = (3, 5, 7)  # px, of both blurs, equally likely
TOGETHER = 16  # images that are blurred in one go: a median holds all windows in memory

Blur = Callable[[Tensor, int], Tensor]


def on(tensor: Tensor) -> ModuleType:
    """The module with `warp`, `shift_hsv` and `median_blur` for a tensor's device."""
    return cpu_pixels if tensor.device.type == "cpu" else gpu_pixels


def augment(images: Tensor, how: Augmentation, rng: np.random.Generator) -> Tensor:
    """Colour, then the blurs, then the dropped rectangle; each sample has its own draws."""
    count, _, height, width = images.shape
    if any(how.hsv_delta):
        gains = onto(draw_gains(how, count, rng).to(images.dtype), images.device)
        images = on(images).shift_hsv(images, gains)
    if how.blur_prob:
        images = _blur_some(images, draw_kernels(how.blur_prob, count, rng), box_blur)
    if how.median_blur_prob:
        kernels = draw_kernels(how.median_blur_prob, count, rng)
        images = _blur_some(images, kernels, on(images).median_blur)
    if how.dropout_prob:
        holes = draw_holes(how, count, (height, width), rng)
        images = images * ~onto(holes, images.device)
    return images


def draw_holes(
    how: Augmentation, count: int, size: tuple[int, int], rng: np.random.Generator
) -> Tensor:
    """Mask (B, 1, H, W) of the pixels that are dropped: a rectangle, or nothing."""
    low, high = how.dropout_size
    inside = []
    for side in size:
        length = np.floor(side * rng.uniform(low, high, count))
        start = np.floor(rng.random(count) * (side - length + 1)).astype(np.int64)
        place = np.arange(side)
        inside.append((place >= start[:, None]) & (place < (start + length)[:, None]))
    drawn = rng.random(count) < how.dropout_prob
    mask = inside[0][:, :, None] & inside[1][:, None, :] & drawn[:, None, None]
    return torch.from_numpy(mask).unsqueeze(1)


def draw_gains(how: Augmentation, count: int, rng: np.random.Generator) -> Tensor:
    """Gains (B, 3) in whole units; each of the three is drawn for about every second sample."""
    gains = rng.uniform(-1, 1, (count, 3)) * how.hsv_delta * rng.integers(0, 2, (count, 3))
    return torch.from_numpy(np.trunc(gains))


def draw_kernels(probability: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Kernel size (B,) in px of each sample, 0 for those that stay sharp."""
    return np.where(rng.random(count) < probability, rng.choice(KERNELS, count), 0)


def _blur_some(images: Tensor, kernels: np.ndarray, blur: Blur) -> Tensor:
    """Images, blurred where their kernel is not 0."""
    images = images.clone() if kernels.any() else images
    for kernel in KERNELS:
        chosen = torch.from_numpy(np.flatnonzero(kernels == kernel))
        for start in range(0, len(chosen), TOGETHER):
            rows = onto(chosen[start : start + TOGETHER], images.device)
            images[rows] = blur(images[rows], kernel)
    return images


def box_blur(images: Tensor, kernel: int) -> Tensor:
    """Means of squares of `kernel` px."""
    padded = F.pad(images, [kernel // 2] * 4, mode="reflect")  # as OpenCV's blur
    return F.avg_pool2d(padded, kernel, stride=1)
