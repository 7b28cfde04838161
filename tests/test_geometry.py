import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posecache import geometry


@pytest.mark.parametrize("size", [(192, 256), (256, 256)])
def test_crop_matrix_equals_mmpose(shared: Path, size: tuple[int, int]) -> None:
    ops = np.load(shared / "parity" / "ops.npz")
    name = f"{size[0]}x{size[1]}"
    center, scale = geometry.box_to_center_scale(ops["geo_bbox_xyxy"])
    np.testing.assert_allclose(center, ops["geo_center"], rtol=1e-6)
    np.testing.assert_allclose(scale, ops["geo_scale"], rtol=1e-6)
    fixed = geometry.fix_aspect(scale, size)
    np.testing.assert_allclose(fixed, ops[f"geo_scale_fixed_{name}"], rtol=1e-6)
    matrix = geometry.crop_matrix(center.double(), fixed.double(), ops["geo_rot"], size)
    np.testing.assert_allclose(matrix, ops[f"geo_matrix_{name}"], rtol=1e-4, atol=1e-3)


def test_box_matrices_take_the_padded_box_to_the_input() -> None:
    matrix = geometry.box_matrices([[10.0, 20.0, 30.0, 40.0]], (60, 80), padding=1.0)
    corners = geometry.apply(matrix, torch.tensor([[[10.0, 20.0], [40.0, 60.0]]]).double())
    assert corners.tolist() == [[[0.0, 0.0], [60.0, 80.0]]]
    assert geometry.crop_area(matrix, (60, 80)).tolist() == [1200.0]


def test_integer_boxes_keep_fractions() -> None:
    center, _ = geometry.box_to_center_scale([0, 0, 5, 5])
    assert center.tolist() == [2.5, 2.5]


angles = st.floats(-180, 180)
numbers = st.floats(-50, 50)


@given(angle=angles, x=numbers, y=numbers, scale=st.floats(20, 400))
def test_inverse_brings_points_back(angle: float, x: float, y: float, scale: float) -> None:
    size = (48, 64)
    sides = geometry.fix_aspect([scale, scale], size)
    matrix = geometry.crop_matrix(torch.tensor([x, y]).double(), sides, angle, size)
    points = torch.tensor([[1.0, 2.0], [-7.5, 40.0]], dtype=torch.float64)
    back = geometry.apply(geometry.invert(matrix), geometry.apply(matrix, points))
    np.testing.assert_allclose(back, points, atol=1e-8)
    middle = geometry.apply(matrix, torch.tensor([[x, y]]).double())
    np.testing.assert_allclose(middle, [[24, 32]], atol=1e-9)


def test_compose_applies_the_inner_first() -> None:
    shift = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    both = geometry.compose(geometry.mirror(10), shift)
    assert geometry.apply(both, torch.tensor([[1.0, 2.0]]).double()).tolist() == [[3.0, 2.0]]
    twice = geometry.compose(geometry.mirror(10), geometry.mirror(10))
    assert json.dumps(twice.tolist()) == "[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]"


@pytest.mark.parametrize(("aligned", "edge"), [(False, 0.5), (True, 0.0)])
def test_resize_joins_what_interpolate_joins(aligned: bool, edge: float) -> None:
    """The outer edges of the corner px, or their middles."""
    matrix = geometry.resize((192, 256), (256, 256), align_corners=aligned)
    edges = torch.tensor([[-edge, -edge], [191 + edge, 255 + edge]]).double()
    expected = torch.tensor([[-edge, -edge], [255 + edge, 255 + edge]]).double()
    torch.testing.assert_close(geometry.apply(matrix, edges), expected)
    image = torch.rand(1, 1, 6, 12, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.interpolate(
        image, (6, 16), mode="bilinear", align_corners=aligned
    )[0, 0].numpy()
    ours = cv2.warpAffine(
        image[0, 0].numpy(),
        geometry.resize((12, 6), (16, 6), align_corners=aligned).numpy(),
        (16, 6),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    np.testing.assert_allclose(ours, theirs, atol=0.03)  # OpenCV's weights are 32nds


def test_zoom_multiplies_both_coordinates() -> None:
    matrix = geometry.zoom(2.5)
    assert matrix.dtype == torch.float64
    points = torch.tensor([[0.0, 0.0], [3.0, -2.0]]).double()
    assert geometry.apply(matrix, points).tolist() == [[0.0, 0.0], [7.5, -5.0]]
    back = geometry.compose(geometry.zoom(1 / 2.5), matrix)
    torch.testing.assert_close(geometry.apply(back, points), points)
