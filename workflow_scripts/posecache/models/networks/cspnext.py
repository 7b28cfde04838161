"""CSPNeXt, RTMPose's backbone, with MMPose's state-dict names.

Source: RTMDet (arXiv:2212.07784), section 3; MMPose models/backbones/cspnext.py and
models/utils/csp_layer.py, architecture P5 as RTMPose configures it. Differences: the last stage may
keep its input's resolution (stride 16), and the three max-pools share their work.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posecache.models.networks.variant import Variant

WIDTHS = (64, 128, 256, 512, 1024)  # channels after the stem and after each stage, at widen 1
DEPTHS = (3, 6, 6, 3)  # blocks of each stage, at deepen 1


class ConvModule(nn.Module):
    """Convolution that pads to keep the size, batch norm, SiLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.bn(self.conv(x)))


class DepthwiseSeparableConv(nn.Sequential):
    """One filter per channel, then a 1x1 convolution, each with norm and SiLU."""

    def __init__(self, channels: int, kernel: int) -> None:
        layers = {
            "depthwise_conv": ConvModule(channels, channels, kernel, groups=channels),
            "pointwise_conv": ConvModule(channels, channels, 1),
        }
        super().__init__(OrderedDict(layers))


class CSPNeXtBlock(nn.Module):
    """3x3 convolution and 5x5 depthwise-separable one, with or without a residual connection."""

    def __init__(self, channels: int, add_identity: bool) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels, 3)
        self.conv2 = DepthwiseSeparableConv(channels, 5)
        self.add_identity = add_identity

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        return x + out if self.add_identity else out


class ChannelAttention(nn.Module):
    """Scales each channel by a gate in [0, 1] computed from all channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.hardsigmoid(self.fc(F.adaptive_avg_pool2d(x, 1)))


class CSPLayer(nn.Module):
    """Half of the channels pass through the blocks; attention and a 1x1 join both halves."""

    def __init__(self, channels: int, depth: int, add_identity: bool) -> None:
        super().__init__()
        half = channels // 2
        self.main_conv = ConvModule(channels, half, 1)
        self.short_conv = ConvModule(channels, half, 1)
        self.final_conv = ConvModule(2 * half, channels, 1)
        self.blocks = nn.Sequential(*(CSPNeXtBlock(half, add_identity) for _ in range(depth)))
        self.attention = ChannelAttention(2 * half)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], dim=1)
        return self.final_conv(self.attention(joined))


class SPPBottleneck(nn.Module):
    """Features joined with their maxima over 5x5, 9x9 and 13x13 windows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = ConvModule(channels, half, 1)
        self.conv2 = ConvModule(4 * half, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        pyramid = [self.conv1(x)]
        for _ in range(3):
            # Two 5x5 maxima in a row are one over 9x9, and three are one over 13x13.
            pyramid.append(F.max_pool2d(pyramid[-1], 5, stride=1, padding=2))
        return self.conv2(torch.cat(pyramid, dim=1))


class CSPNeXt(nn.Sequential):
    """Images (B, 3, H, W) to features (B, out_channels, H / stride, W / stride)."""

    def __init__(self, variant: Variant) -> None:
        widths = [int(width * variant.widen) for width in WIDTHS]
        depths = [max(round(depth * variant.deepen), 1) for depth in DEPTHS]
        layers = {"stem": _stem(widths[0])}
        for index, depth in enumerate(depths):
            last = index == len(depths) - 1
            stride = variant.stride // 16 if last else 2
            layers[f"stage{index + 1}"] = _stage(
                widths[index], widths[index + 1], depth, stride=stride, last=last
            )
        super().__init__(OrderedDict(layers))
        self.out_channels = widths[-1]
        self.widths = widths[1:]  # channels of the stages

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """The features of each stage (B, channels, h, w), the finest first."""
        found, features = [], images
        for name, layer in self.named_children():
            features = layer(features)
            found += [features] if name.startswith("stage") else []
        return found


def _stem(width: int) -> nn.Sequential:
    return nn.Sequential(
        ConvModule(3, width // 2, 3, stride=2),
        ConvModule(width // 2, width // 2, 3),
        ConvModule(width // 2, width, 3),
    )


def _stage(
    in_channels: int, out_channels: int, depth: int, *, stride: int, last: bool
) -> nn.Sequential:
    """Only the last stage pools a pyramid; only its blocks have no residual connection."""
    layers: list[nn.Module] = [ConvModule(in_channels, out_channels, 3, stride=stride)]
    if last:
        layers.append(SPPBottleneck(out_channels))
    layers.append(CSPLayer(out_channels, depth, add_identity=not last))
    return nn.Sequential(*layers)
