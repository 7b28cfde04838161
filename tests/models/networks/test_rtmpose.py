"""RTMPose against MMPose's state dict and outputs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.models import RTMPose, Variant

TINY = Variant(deepen=0.167, widen=0.125)
REFERENCES = {
    "t": ("rtmpose-t_17kpt_192x256", 17, (192, 256)),
    "s": ("rtmpose-s_21kpt_192x256", 21, (192, 256)),
    "m": ("rtmpose-m_16kpt_256x256", 16, (256, 256)),
}


def reference_images(width: int, height: int) -> torch.Tensor:
    rgb = np.random.default_rng(7).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    images = torch.from_numpy(rgb).permute(0, 3, 1, 2).float()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


@pytest.mark.parametrize("variant", REFERENCES)
def test_state_dict_has_mmposes_names_shapes_and_order(variant: str, shared: Path) -> None:
    name, num_keypoints, input_size = REFERENCES[variant]
    expected = json.loads((shared / "parity" / f"{name}.shapes.json").read_text())
    state = RTMPose(variant, num_keypoints, input_size).state_dict()
    assert [(k, list(v.shape)) for k, v in state.items()] == list(expected.items())


@pytest.mark.parametrize("variant", ["t", "s"])
def test_outputs_equal_mmposes(variant: str, shared: Path) -> None:
    name, num_keypoints, input_size = REFERENCES[variant]
    model = tiny.made_model(variant, num_keypoints, input_size)
    with torch.no_grad():
        outputs = model(reference_images(*input_size))
    expected = np.load(shared / "parity" / f"{name}.npz")
    for key, output in zip(["simcc_x", "simcc_y"], outputs, strict=True):
        tolerance = 1e-4 * np.abs(expected[key]).max()
        np.testing.assert_allclose(output.numpy(), expected[key], rtol=0, atol=tolerance)


@pytest.mark.parametrize("stride", [16, 32])
def test_two_bins_a_pixel_at_any_stride(stride: int) -> None:
    model = RTMPose(Variant(deepen=0.167, widen=0.125, stride=stride), 5, (64, 96)).eval()
    images = torch.zeros(2, 3, 96, 64)
    simcc_x, simcc_y = model(images)
    assert (simcc_x.shape, simcc_y.shape) == ((2, 5, 128), (2, 5, 192))
    assert model.backbone(images).shape == (2, 128, 96 // stride, 64 // stride)


def test_stride_16_keeps_the_backbones_state_dict() -> None:
    fine = RTMPose(Variant(deepen=0.167, widen=0.125, stride=16), 5, (64, 96)).backbone
    fine.load_state_dict(RTMPose(TINY, 5, (64, 96)).backbone.state_dict())


def test_every_parameter_gets_a_finite_gradient() -> None:
    torch.manual_seed(0)
    model = RTMPose(TINY, 5, (64, 96))
    simcc_x, simcc_y = model(torch.randn(4, 3, 96, 64))
    (simcc_x.square().sum() + simcc_y.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_fresh_weights_have_mmposes_spreads() -> None:
    torch.manual_seed(0)
    model = RTMPose("t", 17, (192, 256))
    convolution = model.get_parameter("backbone.stage4.0.conv.weight")
    fan_in = convolution[0].numel()
    assert convolution.std().item() == pytest.approx((3 * fan_in) ** -0.5, rel=0.01)
    assert model.head.final_layer.weight.std().item() == pytest.approx(0.001, rel=0.01)
    assert model.head.cls_x.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not model.get_parameter("backbone.stage4.2.attention.fc.bias").any()


def test_unknown_variant_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown variant 'x', expected one of t, s, m, l"):
        RTMPose("x", 17, (192, 256))


@pytest.mark.parametrize("input_size", [(80, 96), (0, 96), (64, 100)])
def test_input_that_the_stride_does_not_divide_is_refused(input_size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected positive multiples of 32"):
        RTMPose(TINY, 5, input_size)
