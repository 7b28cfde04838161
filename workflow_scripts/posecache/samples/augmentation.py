"""Geometric augmentation: one matrix per sample, from image px to student-input px.

Ranges and distributions are those of MMPose's RandomFlip, RandomHalfBody and RandomBBoxTransform
(datasets/transforms/common_transforms.py): shift, scale and rotation are normal, cut at one sigma.
"""

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from posecache import geometry
from posecache.samples.settings import Augmentation
from posecache.skeletons import Skeleton

# The constants of RandomHalfBody.
MIN_KEYPOINTS, MIN_UPPER, MIN_LOWER = 9, 2, 3
PREFER_UPPER = 0.7
HALF_PADDING = 1.5


def draw_matrices(
    boxes: Tensor,
    keypoints: Tensor,
    skeleton: Skeleton,
    how: Augmentation,
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
    shift = _truncated_normal(rng, (count, 2)) * how.shift_factor
    shift = shift * _happens(rng, how.shift_prob, count)
    low, high = how.scale_factor
    zoom = (low + high) / 2 + (high - low) / 2 * _truncated_normal(rng, (count, 1))
    angle = _truncated_normal(rng, (count, 1)) * how.rotate_degrees
    angle = angle * _happens(rng, how.rotate_prob, count)
    flipped = torch.from_numpy(_happens(rng, how.flip_prob, count))[:, :, None]
    chosen, half_center, half_scale = half_bodies(keypoints, skeleton, how.half_body_prob, rng)
    center = torch.where(chosen[:, None], half_center, center)
    scale = torch.where(chosen[:, None], half_scale, scale)
    center = center + torch.from_numpy(shift) * scale
    scale = geometry.fix_aspect(scale * torch.from_numpy(zoom), size)
    matrix = geometry.crop_matrix(center, scale, torch.from_numpy(angle[:, 0]), size)
    # MMPose mirrors image and box before it cuts, so the box's middle stays at width / 2, which is
    # half a px right of the crop's own middle.
    mirrored = geometry.compose(geometry.mirror(size[0] + 1), matrix)
    return torch.where(flipped, mirrored, matrix)


def half_bodies(
    keypoints: Tensor, skeleton: Skeleton, probability: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Who is cut to a half body (B,), and the half's centre and padded size (B, 2) in image px.

    The upper half is preferred where both have enough keypoints.
    """
    if not skeleton.num_keypoints:  # people without labels: there is no smallest place
        whole = torch.zeros(len(keypoints), 2, dtype=torch.float64)
        return whole[:, 0] > 0, whole, whole
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
    # A half with one keypoint, or with all on a line, would give a crop without extent.
    scale = ((high - low) * HALF_PADDING).nan_to_num(0, 0, 0).clamp_min(1)
    return chosen, mean, scale


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal values within one sigma, by inversion."""
    low, high = ndtr(-1.0), ndtr(1.0)
    return np.asarray(ndtri(rng.uniform(low, high, shape)))


def _happens(rng: np.random.Generator, probability: float, count: int) -> np.ndarray:
    return rng.random((count, 1)) < probability
