"""A training crop's pixels in PyTorch: what a GPU runs, and what cpu_pixels.py must agree with.

Images are (B, 3, H, W) float RGB in 0-255.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from posecache import geometry
from posecache.devices import onto
from posecache.samples.flat_crops import FlatCrops

HUES = 180.0  # OpenCV's 8-bit hue counts half degrees
LEVELS = 255.0


def warp(
    crops: FlatCrops, crop_matrix: Tensor, matrix: Tensor, input_size: tuple[int, int]
) -> Tensor:
    """Stored crops resampled to the student's crops, on the crops' device.

    `crop_matrix` (B, 2, 3) image px to crop px, `matrix` (B, 2, 3) image px to input px; returns
    (B, 3, H, W) float32 in 0-255, bilinear, black outside.
    """
    device, (width, height) = crops.pixels.device, input_size
    to_crop = onto(geometry.compose(crop_matrix, geometry.invert(matrix)).float(), device)
    start, size = (onto(torch.from_numpy(a), device) for a in (crops.offset, crops.size))
    seen = torch.cartesian_prod(
        torch.arange(height, device=device), torch.arange(width, device=device)
    ).flip(-1)
    x, y = geometry.apply(to_crop, seen.float()).unbind(-1)
    left, top = x.floor(), y.floor()
    images = torch.zeros(len(size), len(seen), 3, device=device)
    for column, across in ((left, left + 1 - x), (left + 1, x - left)):
        for row, down in ((top, top + 1 - y), (top + 1, y - top)):
            index, inside = _places(column.long(), row.long(), start, size)
            share = across * down * inside
            images += crops.pixels[index] * share[..., None]
    return images.view(-1, height, width, 3).permute(0, 3, 1, 2)


def _places(column: Tensor, row: Tensor, start: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Where px (B, P) of crops that begin at `start` (B,) and are of `size` (B, 2) lie in the
    buffer, and whether they are px of the crop; the first px of all stands for others."""
    width, height = size[:, :1], size[:, 1:]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return torch.where(inside, start[:, None] + row * width + column, 0), inside


def shift_hsv(images: Tensor, gains: Tensor) -> Tensor:
    """Images whose hue, saturation and value are moved by `gains` (B, 3), in OpenCV's 8-bit units.

    Hue wraps around; the others are clamped to their range.
    """
    hue, saturation, value = _to_hsv(images)
    gain = gains[:, :, None, None]
    hue = (hue + gain[:, 0]) % HUES
    saturation = (saturation + gain[:, 1]).clamp(0, LEVELS)
    return _to_rgb(hue, saturation, (value + gain[:, 2]).clamp(0, LEVELS))


def median_blur(images: Tensor, kernel: int) -> Tensor:
    """Medians of squares of `kernel` px, of images in whole levels as in OpenCV."""
    padded = F.pad(images.round(), [kernel // 2] * 4, mode="replicate")  # as OpenCV's medianBlur
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
    offsets = torch.arange(5.0, 0, -2, device=hue.device).view(1, 3, 1, 1)
    sector = (offsets + (hue * (6 / HUES))[:, None]) % 6
    fall = torch.minimum(sector, 4 - sector).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] / LEVELS * fall)
