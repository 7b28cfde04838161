"""The views of a person that a teacher is cached for: turned crops and recorded augmentations.

Shapes: N persons, V views.
"""

import numpy as np
import torch

from posecache import geometry
from posecache.logits.settings import Views
from posecache.models.card import Card
from posecache.samples.augmentation import draw_matrices
from posecache.skeletons import Skeleton


def matrices(
    views: Views,
    card: Card,
    boxes: np.ndarray,
    keypoints: np.ndarray,
    skeleton: Skeleton,
    shard: int,
) -> np.ndarray:
    """Matrices (N, V, 2, 3), image px to input px, of a shard's boxes (N, 4) xywh image px.

    Augmented views depend only on (seed, shard, view), never on how a run was divided into jobs.
    """
    size = card.crop_size or card.input_size
    found = [geometry.box_matrices(boxes, size, card.padding, angle) for angle in views.rotations]
    for view in range(views.augmented):
        rng = np.random.default_rng([views.seed, shard, view])
        found.append(
            draw_matrices(
                torch.from_numpy(boxes), torch.from_numpy(keypoints), skeleton,
                views.augmentation, card.padding, size, rng,
            )
        )  # fmt: skip
    stacked = torch.stack(found, dim=1)
    return geometry.compose(geometry.resize(size, card.input_size), stacked).numpy()


def nearest(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Index (N,) of the view that is turned least relative to the student's crop.

    `student` (N, 2, 3) and `teacher` (N, V, 2, 3) are matrices from image px; a mirror does not
    count as a turn.
    """
    between = geometry.compose(student[:, None], geometry.invert(teacher))
    mirrored = torch.linalg.det(between[..., :2]) < 0
    right = between[..., :2, 0] * torch.where(mirrored, -1.0, 1.0)[..., None]
    return torch.atan2(right[..., 1], right[..., 0]).abs().argmin(dim=1)
