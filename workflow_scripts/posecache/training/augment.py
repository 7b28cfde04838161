"""Augmentation of place: one matrix a sample, image px to student-input px, and the warp it stands
for.

Ranges and distributions are those of MMPose's RandomFlip, RandomHalfBody and RandomBBoxTransform
(datasets/transforms/common_transforms.py): shift, scale and rotation are normal, cut at one sigma.
"""

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from posecache import geometry
from posecache.recipe import Augmentation
from posecache.skeletons import Skeleton

# Of RandomHalfBody.
MIN_KEYPOINTS, MIN_UPPER, MIN_LOWER = 9, 2, 3
PREFER_UPPER = 0.7
HALF_PADDING = 1.5


def draw_matrices(
    boxes: Tensor,
    keypoints: Tensor,
    skeleton: Skeleton,
    recipe: Augmentation,
    padding: float,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Tensor:
    """Augmented crop matrices (B, 2, 3), float64, of boxes (B, 4) xywh in image px.

    `keypoints` (B, K, 2) in image px, NaN where not labelled, decide about half bodies; `size` is
    the student's input (width, height) in px.
    """
    count = len(boxes)
    corners = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1).double()
    center, scale = geometry.box_to_center_scale(corners, padding)
    shift = _truncated_normal(rng, (count, 2)) * recipe.shift_factor
    shift = shift * _happens(rng, recipe.shift_prob, count)
    low, high = recipe.scale_factor
    zoom = (low + high) / 2 + (high - low) / 2 * _truncated_normal(rng, (count, 1))
    angle = _truncated_normal(rng, (count, 1)) * recipe.rotate_degrees
    angle = angle * _happens(rng, recipe.rotate_prob, count)
    flipped = torch.from_numpy(_happens(rng, recipe.flip_prob, count))[:, :, None]
    chosen, half_center, half_scale = half_bodies(keypoints, skeleton, recipe.half_body_prob, rng)
    center = torch.where(chosen[:, None], half_center, center)
    scale = torch.where(chosen[:, None], half_scale, scale)
    center = center + torch.from_numpy(shift) * scale
    scale = geometry.fix_aspect(scale * torch.from_numpy(zoom), size)
    matrix = geometry.crop_matrix(center, scale, torch.from_numpy(angle[:, 0]), size)
    mirrored = geometry.compose(geometry.mirror(size[0]), matrix)
    return torch.where(flipped, mirrored, matrix)


def half_bodies(
    keypoints: Tensor, skeleton: Skeleton, probability: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Who is cut to a half body (B,), and that half's centre and padded size (B, 2) in image px.

    The upper half is preferred where both have enough keypoints.
    """
    labelled = ~keypoints.isnan().any(-1)
    lower = torch.zeros(skeleton.num_keypoints, dtype=torch.bool)
    lower[list(skeleton.lower)] = True
    has_lower = (labelled & lower).sum(1) >= MIN_LOWER
    has_upper = (labelled & ~lower).sum(1) >= MIN_UPPER
    count = len(keypoints)
    happens = torch.from_numpy(_happens(rng, probability, count)[:, 0])
    prefers = torch.from_numpy(_happens(rng, PREFER_UPPER, count)[:, 0])
    chosen = happens & (labelled.sum(1) >= MIN_KEYPOINTS) & (has_lower | has_upper)
    takes_upper = torch.where(has_upper & has_lower, prefers, has_upper)
    kept = labelled & (lower != takes_upper[:, None])
    points = keypoints.double()
    inside = kept[:, :, None]
    mean = torch.where(inside, points, 0).sum(1) / kept.sum(1, keepdim=True).clamp_min(1)
    low = torch.where(inside, points, torch.inf).amin(1)
    high = torch.where(inside, points, -torch.inf).amax(1)
    # A half seen in one point or along a line would be a crop without extent.
    scale = ((high - low) * HALF_PADDING).nan_to_num(0, 0, 0).clamp_min(1)
    return chosen, mean, scale


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
