"""Boxes, crops and augmentations as 2x3 matrices.

Points are (x, y) in px, with pixel centres at integers. Functions take arrays or tensors and return
tensors; floating-point input keeps its dtype.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from posecache.contract import PADDING

Arrayish: TypeAlias = Tensor | np.ndarray | Sequence[float] | float


def as_float(values: Arrayish) -> Tensor:
    """A floating-point tensor of `values`; float32 and float64 stay what they are."""
    tensor = torch.as_tensor(values)
    return tensor if tensor.is_floating_point() else tensor.to(torch.float64)


def box_to_center_scale(boxes_xyxy: Arrayish, padding: float = PADDING) -> tuple[Tensor, Tensor]:
    """Centre (..., 2) and padded width and height (..., 2) of boxes (..., 4), all in image px.

    Source: MMPose structures/bbox/transforms.py, bbox_xyxy2cs.
    """
    boxes = as_float(boxes_xyxy)
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, (high - low) * padding


def fix_aspect(scale: Arrayish, input_size: tuple[int, int]) -> Tensor:
    """Enlarge the shorter side of `scale` (..., 2) to the aspect of `input_size` (width, height).

    Source: MMPose datasets/transforms/topdown_transforms.py.
    """
    scale = as_float(scale)
    aspect = input_size[0] / input_size[1]
    width = torch.maximum(scale[..., 0], scale[..., 1] * aspect)
    return torch.stack([width, width / aspect], dim=-1)


def crop_matrix(
    center: Arrayish, scale: Arrayish, rotation_degrees: Arrayish, input_size: tuple[int, int]
) -> Tensor:
    """Matrix (..., 2, 3) from image px to input px of the crop around `center` (..., 2).

    `scale` (..., 2) is the crop's width and height in image px with the aspect of `input_size`;
    the content is turned by `rotation_degrees` (...) as MMPose's get_warp_matrix turns it.
    """
    center, scale = as_float(center), as_float(scale)
    angle = torch.deg2rad(as_float(rotation_degrees).to(center))
    ratio = input_size[0] / scale[..., 0]
    cos, sin = ratio * torch.cos(angle), ratio * torch.sin(angle)
    linear = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
    middle = center.new_tensor(input_size) / 2
    offset = middle - (linear @ center.unsqueeze(-1)).squeeze(-1)
    return torch.cat([linear, offset.unsqueeze(-1)], dim=-1)


def box_matrices(
    boxes_xywh: Arrayish,
    input_size: tuple[int, int],
    padding: float = PADDING,
    rotation_degrees: float = 0.0,
) -> Tensor:
    """Crop matrices (N, 2, 3), float64, image px to input px, of boxes (N, 4) in image px.

    Source: MMPose's GetBBoxCenterScale followed by TopdownAffine.
    """
    boxes = as_float(boxes_xywh).to(torch.float64)
    corners = torch.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], dim=-1)
    center, scale = box_to_center_scale(corners, padding)
    angles = torch.full((len(boxes),), rotation_degrees)
    return crop_matrix(center, fix_aspect(scale, input_size), angles, input_size)


def resize(
    size: tuple[int, int], new_size: tuple[int, int], *, align_corners: bool = False
) -> Tensor:
    """Matrix (2, 3), float64, that stretches a picture of `size` (width, height) to `new_size`.

    Outer edges meet, or with `align_corners` the middles of the corner px, as in PyTorch's
    `interpolate`.
    """
    if align_corners:
        x, y = ((new - 1) / (old - 1) for old, new in zip(size, new_size, strict=True))
        return torch.tensor([[x, 0.0, 0.0], [0.0, y, 0.0]], dtype=torch.float64)
    x, y = new_size[0] / size[0], new_size[1] / size[1]
    return torch.tensor([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2]], dtype=torch.float64)


def to_outer_middles(size: tuple[int, int]) -> Tensor:
    """Matrix (2, 3), float64, from crop px, where a box ends at `size` (width, height), to those
    where it ends at the middles of the last px, (width - 1, height - 1).

    Source: MMPose structures/bbox/transforms.py, get_udp_warp_matrix against get_warp_matrix.
    """
    x, y = ((side - 1) / side for side in size)
    return torch.tensor([[x, 0.0, 0.0], [0.0, y, 0.0]], dtype=torch.float64)


def zoom(factor: float) -> Tensor:
    """Matrix (2, 3), float64, that multiplies both coordinates."""
    return torch.tensor([[factor, 0.0, 0.0], [0.0, factor, 0.0]], dtype=torch.float64)


def mirror(width: int) -> Tensor:
    """Matrix (2, 3), float64, that mirrors a picture `width` px wide left to right."""
    return torch.tensor([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)


def apply(matrix: Arrayish, points: Arrayish) -> Tensor:
    """Points (..., P, 2) mapped by matrices (..., 2, 3)."""
    matrix, points = as_float(matrix), as_float(points)
    return points @ matrix[..., :2].transpose(-1, -2) + matrix[..., 2].unsqueeze(-2)


def compose(outer: Arrayish, inner: Arrayish) -> Tensor:
    """The matrix (..., 2, 3) that applies `inner` first and then `outer`."""
    outer, inner = as_float(outer), as_float(inner)
    linear = outer[..., :2] @ inner[..., :2]
    offset = outer[..., :2] @ inner[..., 2:] + outer[..., 2:]
    return torch.cat([linear, offset], dim=-1)


def invert(matrix: Arrayish) -> Tensor:
    """The inverse (..., 2, 3) of matrices (..., 2, 3)."""
    matrix = as_float(matrix)
    linear = torch.linalg.inv(matrix[..., :2])
    return torch.cat([linear, -linear @ matrix[..., 2:]], dim=-1)


def crop_area(matrix: Arrayish, input_size: tuple[int, int]) -> Tensor:
    """Area (...) in image px^2 of the crops that matrices (..., 2, 3) map to `input_size`."""
    return input_size[0] * input_size[1] / torch.linalg.det(as_float(matrix)[..., :2]).abs()
