"""RTMPose: a CSPNeXt backbone and the RTMCC head, with MMPose's state-dict names.

Source: RTMPose (arXiv:2303.07399); MMPose models/heads/coord_cls_heads/rtmcc_head.py and
models/utils/rtmcc_block.py, as its RTMPose configurations set them up.
Shapes: B images, K keypoints, H x W input px, D = 256 hidden dimensions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posecache import contract
from posecache.models.networks.cspnext import CSPNeXt
from posecache.models.networks.variant import Variant, named

SPLIT_RATIO = int(contract.SPLIT_RATIO)
HIDDEN = 256
GATED = 2 * HIDDEN
QUERY = 128


class ScaleNorm(nn.Module):
    """Divides a vector by its root mean square; one gain for all entries (arXiv:1910.05895)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = dim**-0.5
        self.g = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        root_mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * self.scale
        return x / root_mean_square.clamp_min(1e-5) * self.g


class Scale(nn.Module):
    """One learned factor per entry."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class GatedAttentionUnit(nn.Module):
    """Self-attention between keypoints, (B, K, D) to (B, K, D) (arXiv:2202.10447)."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(2, QUERY))
        self.beta = nn.Parameter(torch.rand(2, QUERY))
        self.o = nn.Linear(GATED, HIDDEN, bias=False)
        self.uv = nn.Linear(HIDDEN, 2 * GATED + QUERY, bias=False)
        self.ln = ScaleNorm(HIDDEN)
        self.res_scale = Scale(HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        gate, value, base = F.silu(self.uv(self.ln(x))).split([GATED, GATED, QUERY], dim=-1)
        query, key = (base * self.gamma[i] + self.beta[i] for i in range(2))
        attention = F.relu(query @ key.transpose(1, 2) / QUERY**0.5).square()
        return self.res_scale(x) + self.o(gate * (attention @ value))


class RTMCCHead(nn.Module):
    """Features (B, C, h, w) to the SimCC logits of K keypoints, x (B, K, 2W) and y (B, K, 2H)."""

    def __init__(
        self, in_channels: int, num_keypoints: int, input_size: tuple[int, int], stride: int
    ) -> None:
        super().__init__()
        width, height = input_size
        places = (width // stride) * (height // stride)
        self.token_shape = (num_keypoints, places)
        self.final_layer = nn.Conv2d(in_channels, num_keypoints, 7, padding=3)
        self.mlp = nn.Sequential(ScaleNorm(places), nn.Linear(places, HIDDEN, bias=False))
        self.gau = GatedAttentionUnit()
        self.cls_x = nn.Linear(HIDDEN, width * SPLIT_RATIO, bias=False)
        self.cls_y = nn.Linear(HIDDEN, height * SPLIT_RATIO, bias=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        # Not flatten(2), whose traced graph would compute this shape from the input at every run.
        tokens = self.final_layer(features).reshape(-1, *self.token_shape)
        tokens = self.gau(self.mlp(tokens))
        return self.cls_x(tokens), self.cls_y(tokens)


class RTMPose(nn.Module):
    """A top-down pose network.

    `variant` is t, s, m, l or an explicit Variant; `input_size` is (width, height) in px. Raises
    ValueError for an unknown variant and for sides that are not multiples of the variant's stride.
    """

    def __init__(
        self, variant: str | Variant, num_keypoints: int, input_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.variant = named(variant)
        self.num_keypoints, self.input_size = num_keypoints, input_size
        stride = self.variant.stride
        if any(side <= 0 or side % stride for side in input_size):
            raise ValueError(f"input_size {input_size}: expected positive multiples of {stride}")
        self.backbone = CSPNeXt(self.variant)
        self.head = RTMCCHead(self.backbone.out_channels, num_keypoints, input_size, stride)
        init_weights(self)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised RGB crops (B, 3, H, W), float, to logits x (B, K, 2W) and y (B, K, 2H)."""
        return self.head(self.backbone(images))


def init_weights(model: RTMPose) -> None:
    """Fresh weights as MMPose draws them where no pre-trained backbone is given.

    Source: the `init_cfg` defaults of MMPose models/backbones/cspnext.py and rtmcc_head.py.
    """
    init_backbone(model.backbone)
    for module in model.head.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
    nn.init.normal_(model.head.final_layer.weight, std=0.001)
    assert model.head.final_layer.bias is not None
    nn.init.zeros_(model.head.final_layer.bias)


def init_backbone(backbone: CSPNeXt) -> None:
    """Fresh weights of a backbone."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
