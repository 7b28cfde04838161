"""A training crop's pixels by OpenCV, for a CPU: what gpu_pixels.py does, several times faster.

The warp gives whole levels, at places rounded to 1/32 px, as everywhere else where a model is shown
a person. Images are (B, 3, H, W) float RGB in 0-255.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from posecache import geometry
from posecache.samples import pictures
from posecache.samples.flat_crops import FlatCrops

DEGREES, LEVELS = 2.0, 255.0  # a unit of 8-bit hue, and OpenCV's float saturation's 1


def warp(
    crops: FlatCrops, crop_matrix: Tensor, matrix: Tensor, input_size: tuple[int, int]
) -> Tensor:
    """Stored crops resampled to the student's crops: see gpu_pixels.warp."""
    between = geometry.compose(matrix, geometry.invert(crop_matrix)).numpy()
    images = np.empty((len(crops), input_size[1], input_size[0], 3), np.uint8)
    for row, crop in enumerate(crops.images()):  # OpenCV has no warp of many pictures
        images[row] = pictures.warp(crop, between[row], input_size)
    return _channels_first(torch.from_numpy(images)).float()


def shift_hsv(images: Tensor, gains: Tensor) -> Tensor:
    """Images whose hue, saturation and value are moved: see gpu_pixels.shift_hsv."""
    tall, moves = _tall(images), gains * torch.tensor([DEGREES, 1 / LEVELS, 1])
    hsv = cv2.cvtColor(tall, cv2.COLOR_RGB2HSV).reshape(len(images), -1, 3)
    hsv += moves[:, None].numpy()
    np.mod(hsv[..., 0], 360, out=hsv[..., 0])
    np.clip(hsv[..., 1], 0, 1, out=hsv[..., 1])
    np.clip(hsv[..., 2], 0, LEVELS, out=hsv[..., 2])
    return _from_tall(cv2.cvtColor(hsv.reshape(tall.shape), cv2.COLOR_HSV2RGB), len(images))


def median_blur(images: Tensor, kernel: int) -> Tensor:
    """Medians of squares of `kernel` px: see gpu_pixels.median_blur."""
    reach = kernel // 2
    padded = F.pad(images, [0, 0, reach, reach], mode="replicate")  # they lie below one another
    blurred = cv2.medianBlur(_tall(padded).round().astype(np.uint8), kernel)
    return _from_tall(blurred.astype(np.float32), len(images))[:, :, reach:-reach]


def _tall(images: Tensor) -> np.ndarray:
    """Images below one another, (B * H, W, 3)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[3], 3).numpy()


def _from_tall(tall: np.ndarray, count: int) -> Tensor:
    return _channels_first(torch.from_numpy(tall).unflatten(0, (count, -1)))


def _channels_first(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).contiguous()
