"""Augmentation of pixels, batched on the images' device: colour, blur, a dropped rectangle.

Images are (B, 3, H, W) float RGB in 0-255. Ranges and chances are those of MMDetection's
YOLOXHSVRandomAug and albumentations' Blur, MedianBlur and CoarseDropout at RTMPose's settings;
here the image keeps its fractions where theirs is rounded to 8 bits after every step.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from posecache.recipe import Augmentation

KERNELS = (3, 5, 7)  # px, of both blurs, alike likely
HUES = 180.0  # OpenCV's 8-bit hue counts half degrees
LEVELS = 255.0

Blur = Callable[[Tensor, int], Tensor]


def augment(images: Tensor, recipe: Augmentation, rng: np.random.Generator) -> Tensor:
    """Colour, then the blurs, then the dropped rectangle; every sample draws its own."""
    count, _, height, width = images.shape
    if any(recipe.hsv_delta):
        images = shift_hsv(images, _draw_gains(recipe, count, rng).to(images))
    if recipe.blur_prob:
        images = _blur_some(images, _draw_kernels(recipe.blur_prob, count, rng), _box_blur)
    if recipe.median_blur_prob:
        images = _blur_some(images, _draw_kernels(recipe.median_blur_prob, count, rng), _median)
    if recipe.dropout_prob:
        images = images * ~draw_holes(recipe, count, (height, width), rng).to(images.device)
    return images


def shift_hsv(images: Tensor, gains: Tensor) -> Tensor:
    """Images whose hue, saturation and value are moved by `gains` (B, 3), in OpenCV's 8-bit units.

    Hue goes round, the others stop at their ends.
    """
    hue, saturation, value = _to_hsv(images)
    gain = gains[:, :, None, None]
    hue = (hue + gain[:, 0]) % HUES
    saturation = (saturation + gain[:, 1]).clamp(0, LEVELS)
    return _to_rgb(hue, saturation, (value + gain[:, 2]).clamp(0, LEVELS))


def draw_holes(
    recipe: Augmentation, count: int, size: tuple[int, int], rng: np.random.Generator
) -> Tensor:
    """Mask (B, 1, H, W) of the pixels that are dropped: a rectangle, or nothing."""
    low, high = recipe.dropout_size
    inside = []
    for side in size:
        length = np.floor(side * rng.uniform(low, high, count))
        start = np.floor(rng.random(count) * (side - length + 1)).astype(np.int64)
        place = np.arange(side)
        inside.append((place >= start[:, None]) & (place < (start + length)[:, None]))
    drawn = rng.random(count) < recipe.dropout_prob
    mask = inside[0][:, :, None] & inside[1][:, None, :] & drawn[:, None, None]
    return torch.from_numpy(mask).unsqueeze(1)


def _draw_gains(recipe: Augmentation, count: int, rng: np.random.Generator) -> Tensor:
    """(B, 3): whole units; each of the three happens for every second sample."""
    gains = rng.uniform(-1, 1, (count, 3)) * recipe.hsv_delta * rng.integers(0, 2, (count, 3))
    return torch.from_numpy(np.trunc(gains))


def _draw_kernels(probability: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Kernel size (B,) in px of each sample, 0 for those that stay sharp."""
    return np.where(rng.random(count) < probability, rng.choice(KERNELS, count), 0)


def _blur_some(images: Tensor, kernels: np.ndarray, blur: Blur) -> Tensor:
    """Images of which those with a kernel are blurred."""
    images = images.clone() if kernels.any() else images
    for row in np.flatnonzero(kernels):  # one at a time: a median needs every window at once
        images[row] = blur(images[row][None], int(kernels[row]))[0]
    return images


def _box_blur(image: Tensor, kernel: int) -> Tensor:
    padded = F.pad(image, [kernel // 2] * 4, mode="reflect")  # as OpenCV's blur
    return F.avg_pool2d(padded, kernel, stride=1)


def _median(image: Tensor, kernel: int) -> Tensor:
    padded = F.pad(image, [kernel // 2] * 4, mode="replicate")  # as OpenCV's medianBlur
    windows = padded.unfold(2, kernel, 1).unfold(3, kernel, 1)
    return windows.flatten(-2).median(dim=-1).values


def _to_hsv(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue in [0, 180), saturation and value in [0, 255], each (B, H, W)."""
    red, green, blue = images.unbind(1)
    value, low = images.amax(1), images.amin(1)
    span = value - low
    safe = span.clamp_min(1e-6)
    sector = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = torch.where(span > 0, sector * (HUES / 6), 0) % HUES
    return hue, LEVELS * span / value.clamp_min(1e-6), value


def _to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(B, 3, H, W) in 0-255; a channel falls from the value by how far its hue is away."""
    offsets = torch.tensor([5.0, 3.0, 1.0], device=hue.device).view(1, 3, 1, 1)
    sector = (offsets + (hue * (6 / HUES))[:, None]) % 6
    fall = torch.minimum(sector, 4 - sector).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] / LEVELS * fall)
