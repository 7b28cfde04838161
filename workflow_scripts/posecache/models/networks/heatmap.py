"""CSPNeXt under a convolutional heat map, whose marginals are the SimCC logits.

RTMPose's backbones are pre-trained under heat maps (arXiv:2303.07399, section 3.2). On small
crops and little data that matters even more: RTMPose's own head mixes all places at once, and a
network from random weights may stay at the mean pose for thousands of steps; under a convolution,
which learns a keypoint's looks once for all places, it leaves it in some hundred.
Shapes: B images, K keypoints, H x W input px, h x w cells of CELL input px.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posecache.contract import BETA, SPLIT_RATIO
from posecache.models.networks.cspnext import CSPNeXt
from posecache.models.networks.rtmpose import init_backbone
from posecache.models.networks.variant import Variant, named

CELL = 4  # input px, as in the heat maps of MMPose's top-down networks


class HeatmapPose(nn.Module):
    """A pose network with RTMPose's backbone; its arguments are those of RTMPose."""

    def __init__(
        self, variant: str | Variant, num_keypoints: int, input_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.variant = named(variant)
        self.bins = [int(side * SPLIT_RATIO) for side in input_size]
        self.cells = self.variant.stride // CELL  # along one side of a place of the features
        self.backbone = CSPNeXt(self.variant)
        self.head = nn.Conv2d(self.backbone.out_channels, num_keypoints * self.cells**2, 1)
        init_backbone(self.backbone)
        nn.init.normal_(self.head.weight, std=0.01)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised RGB crops (B, 3, H, W), float, to logits x (B, K, 2W) and y (B, K, 2H).

        softmax(BETA * logits) are the marginals of the softmax over the heat map (B, K, h, w).
        """
        heat = F.pixel_shuffle(self.head(self.backbone(images)), self.cells)
        x, y = (
            F.interpolate(torch.logsumexp(heat, axis) / BETA, size, mode="linear")
            for axis, size in zip((2, 3), self.bins, strict=True)
        )
        return x, y
