"""A training crop's pixels, batched on their device: the warp, colour, blur, a dropped rectangle.

Images are (B, 3, H, W) float RGB in 0-255. Ranges and chances are those of MMDetection's
YOLOXHSVRandomAug and albumentations' Blur, MedianBlur and CoarseDropout at RTMPose's settings;
here the image keeps its fractions where theirs is rounded to 8 bits after every step.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from posecache import geometry
from posecache.samples.settings import Augmentation

KERNELS = (3, 5, 7)  # px, of both blurs, equally likely
HUES = 180.0  # OpenCV's 8-bit hue counts half degrees
LEVELS = 255.0

Blur = Callable[[Tensor, int], Tensor]


def warp(crops: Tensor, crop_matrix: Tensor, matrix: Tensor, input_size: tuple[int, int]) -> Tensor:
    """Stored crops resampled to the student's crops, on the crops' device.

    `crops` (B, S, S, 3) uint8, `crop_matrix` (B, 2, 3) image px to crop px, `matrix` (B, 2, 3)
    image px to input px; returns (B, 3, H, W) float32 in 0-255, bilinear, black outside.
    """
    size, device = crops.shape[1], crops.device
    to_crop = geometry.compose(crop_matrix, geometry.invert(matrix))
    # grid_sample's coordinates run from -1 to 1 over the picture's outer edges.
    to_grid = torch.tensor([[2 / size, 0, 1 / size - 1], [0, 2 / size, 1 / size - 1]])
    to_grid = geometry.compose(to_grid.to(to_crop), to_crop).float().to(device)
    width, height = input_size
    pixels = torch.cartesian_prod(
        torch.arange(height, device=device), torch.arange(width, device=device)
    ).flip(-1)
    grid = geometry.apply(to_grid, pixels.float()).view(-1, height, width, 2)
    images = crops.permute(0, 3, 1, 2).float()
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def augment(images: Tensor, how: Augmentation, rng: np.random.Generator) -> Tensor:
    """Colour, then the blurs, then the dropped rectangle; each sample has its own draws."""
    count, _, height, width = images.shape
    if any(how.hsv_delta):
        images = shift_hsv(images, draw_gains(how, count, rng).to(images))
    if how.blur_prob:
        images = _blur_some(images, draw_kernels(how.blur_prob, count, rng), box_blur)
    if how.median_blur_prob:
        images = _blur_some(images, draw_kernels(how.median_blur_prob, count, rng), median_blur)
    if how.dropout_prob:
        images = images * ~draw_holes(how, count, (height, width), rng).to(images.device)
    return images


def shift_hsv(images: Tensor, gains: Tensor) -> Tensor:
    """Images whose hue, saturation and value are moved by `gains` (B, 3), in OpenCV's 8-bit units.

    Hue wraps around; the others are clamped to their range.
    """
    hue, saturation, value = _to_hsv(images)
    gain = gains[:, :, None, None]
    hue = (hue + gain[:, 0]) % HUES
    saturation = (saturation + gain[:, 1]).clamp(0, LEVELS)
    return _to_rgb(hue, saturation, (value + gain[:, 2]).clamp(0, LEVELS))


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
    for row in np.flatnonzero(kernels):  # one at a time: a median holds all windows in memory
        images[row] = blur(images[row][None], int(kernels[row]))[0]
    return images


def box_blur(image: Tensor, kernel: int) -> Tensor:
    padded = F.pad(image, [kernel // 2] * 4, mode="reflect")  # as OpenCV's blur
    return F.avg_pool2d(padded, kernel, stride=1)


def median_blur(image: Tensor, kernel: int) -> Tensor:
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
    """Images (B, 3, H, W) in 0-255; a channel is lower the further its hue is away."""
    offsets = torch.tensor([5.0, 3.0, 1.0], device=hue.device).view(1, 3, 1, 1)
    sector = (offsets + (hue * (6 / HUES))[:, None]) % 6
    fall = torch.minimum(sector, 4 - sector).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] / LEVELS * fall)
