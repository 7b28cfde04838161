"""Augmentation as one matrix a sample: image px to student-input px, and the warp that follows it.

Ranges and distributions are those of MMPose's RandomFlip and RandomBBoxTransform
(datasets/transforms/common_transforms.py): shift, scale and rotation are normal, cut at one sigma.
"""

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from posecache import geometry
from posecache.recipe import Recipe


def draw_matrices(boxes: Tensor, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Augmented crop matrices (B, 2, 3), float64, of boxes (B, 4) xywh in image px."""
    count, size = len(boxes), recipe.input_size
    corners = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1).double()
    center, scale = geometry.box_to_center_scale(corners, recipe.padding)
    shift = _truncated_normal(rng, (count, 2)) * recipe.shift_factor
    shift = shift * _happens(rng, recipe.shift_prob, count)
    low, high = recipe.scale_factor
    zoom = (low + high) / 2 + (high - low) / 2 * _truncated_normal(rng, (count, 1))
    angle = _truncated_normal(rng, (count, 1)) * recipe.rotate_degrees
    angle = angle * _happens(rng, recipe.rotate_prob, count)
    center = center + torch.from_numpy(shift) * scale
    scale = geometry.fix_aspect(scale * torch.from_numpy(zoom), size)
    matrix = geometry.crop_matrix(center, scale, torch.from_numpy(angle[:, 0]), size)
    mirrored = geometry.compose(geometry.mirror(size[0]), matrix)
    flipped = torch.from_numpy(_happens(rng, recipe.flip_prob, count))[:, :, None]
    return torch.where(flipped, mirrored, matrix)


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


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal values within one sigma, by inversion."""
    low, high = ndtr(-1.0), ndtr(1.0)
    return np.asarray(ndtri(rng.uniform(low, high, shape)))


def _happens(rng: np.random.Generator, probability: float, count: int) -> np.ndarray:
    return rng.random((count, 1)) < probability
