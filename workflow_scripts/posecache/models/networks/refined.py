"""A pose network under a refiner: a graph of keypoints that looks at the picture again.

In the manner of 2508.11212's image-guided progressive GCN, of which only the abstract was at hand,
after OPEC-Net (arXiv:2003.10506): from the coarse pose, three steps, each of which samples the
features of one of the backbone's stages at the pose so far and moves every keypoint a little.
Beyond these, every keypoint has a learnt vector: a graph convolution does not tell nodes apart.

Shapes: B crops, K keypoints, S steps, H x W input px, C hidden channels, F sampled ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posecache.contract import SPLIT_RATIO
from posecache.models.networks.rtmpose import RTMPose
from posecache.models.settings import Refine
from posecache.skeletons import Skeleton


@dataclass(frozen=True, kw_only=True)
class Refining:
    """A factory of refined networks."""

    coarse: Callable[[], nn.Module]  # of the network beneath
    refine: Refine
    skeleton: Skeleton

    def __call__(self) -> "Refined":
        """A fresh network; ValueError for one beneath that has no stages to look at."""
        coarse = self.coarse()
        if not isinstance(coarse, RTMPose):
            raise ValueError("refine: needs network rtmpose, whose backbone has stages to look at")
        refiner = Refiner(self.refine, self.skeleton, coarse.backbone.widths)
        return Refined(coarse, refiner)


class Refined(nn.Module):
    """A coarse network and its refiner; weights have the names of each."""

    size: Tensor

    def __init__(self, coarse: RTMPose, refiner: "Refiner") -> None:
        super().__init__()
        self.backbone, self.head = coarse.backbone, coarse.head
        self.refiner = refiner
        self.register_buffer("size", torch.tensor(coarse.input_size).float(), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalised RGB crops (B, 3, H, W), float, to the coarse logits x (B, K, 2W), y (B, K, 2H)
        and, while it learns, the poses after each step (B, S, K, 2), in shares of half the input's
        sides from its middle; else the last pose (B, K, 2) in input px and the scores (B, K)."""
        # Places need single precision: in bfloat16 a bin is not told from its neighbours.
        pyramid = [features.float() for features in self.backbone.pyramid(images)]
        with torch.autocast(images.device.type, enabled=False):
            x, y = self.head(pyramid[-1])
            coarse, scores = peaks(x, y)
            poses = self.refiner(self.shares(coarse), scores, pyramid)
        if self.training:
            return x, y, poses
        return x, y, self.pixels(poses[:, -1]), scores

    def shares(self, places: Tensor) -> Tensor:
        """Input px as shares: -1 and 1 are the input's outer edges."""
        return (2 * places + 1) / self.size - 1

    def pixels(self, shares: Tensor) -> Tensor:
        """The inverse of `shares`."""
        return ((shares + 1) * self.size - 1) / 2


def peaks(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Keypoints (B, K, 2) in input px and scores (B, K) of logits, as `simcc.decode` has them but
    for scores that are not positive: what lies outside has no features."""
    (peak_x, place_x), (peak_y, place_y) = x.max(-1), y.max(-1)
    return torch.stack([place_x, place_y], -1).to(x) / SPLIT_RATIO, torch.minimum(peak_x, peak_y)


class Refiner(nn.Module):
    """Moves a pose in steps."""

    def __init__(self, how: Refine, skeleton: Skeleton, widths: Sequence[int]) -> None:
        """`widths` are the channels of the backbone's stages, the first one's first."""
        super().__init__()
        self.stages = [stage - 1 for stage in how.stages]
        support = normalised(skeleton)
        self.identity = nn.Parameter(0.02 * torch.randn(skeleton.num_keypoints, how.hidden))
        self.start = GraphConvolution(3, how.hidden, support)
        self.block = Block(how.hidden, support)
        self.steps = nn.ModuleList(Step(how, widths[stage], support) for stage in self.stages)

    def forward(self, pose: Tensor, scores: Tensor, pyramid: Sequence[Tensor]) -> Tensor:
        """The poses after each step (B, S, K, 2) from one (B, K, 2), both in shares, its scores
        (B, K) and the maps of the backbone's stages."""
        nodes = self.start(torch.cat([pose, scores.unsqueeze(-1)], -1)) + self.identity
        nodes, poses = self.block(F.relu(nodes)), []
        for step, stage in zip(self.steps, self.stages, strict=True):
            nodes, offset = step(nodes, pose, pyramid[stage])
            pose = pose + offset
            poses.append(pose)
        return torch.stack(poses, 1)


class Step(nn.Module):
    """What the picture shows at the pose so far, and where that moves each keypoint."""

    def __init__(self, how: Refine, width: int, support: Tensor) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, how.features, 1)
        self.join = GraphConvolution(how.hidden + how.features, how.hidden, support)
        self.block = Block(how.hidden, support)
        self.offset = nn.Linear(how.hidden, 2)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)

    def forward(self, nodes: Tensor, pose: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes (B, K, C) and offsets (B, K, 2) at a pose (B, K, 2), both in shares."""
        seen = F.grid_sample(
            self.look(features), pose.unsqueeze(1), padding_mode="border", align_corners=False
        )
        nodes = torch.cat([nodes, seen.squeeze(2).transpose(1, 2)], -1)
        nodes = self.block(F.relu(self.join(nodes)))
        return nodes, self.offset(nodes)


class Block(nn.Module):
    """Two graph convolutions and what they were given, (B, K, C) to (B, K, C)."""

    def __init__(self, channels: int, support: Tensor) -> None:
        super().__init__()
        self.first = GraphConvolution(channels, channels, support)
        self.second = GraphConvolution(channels, channels, support)

    def forward(self, nodes: Tensor) -> Tensor:
        return nodes + F.relu(self.second(F.relu(self.first(nodes))))


class GraphConvolution(nn.Module):
    """One linear map for all nodes, then sums over neighbours, with a learnt weight an edge."""

    support: Tensor

    def __init__(self, in_channels: int, out_channels: int, support: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)
        self.edges = nn.Parameter(torch.ones_like(support))
        self.register_buffer("support", support, persistent=False)

    def forward(self, nodes: Tensor) -> Tensor:
        return (self.support * self.edges) @ self.linear(nodes)


def normalised(skeleton: Skeleton) -> Tensor:
    """The support (K, K) of links and self-loops; each row's sum is 1."""
    support = torch.eye(skeleton.num_keypoints)
    for a, b in skeleton.links:
        support[a, b] = support[b, a] = 1
    return support / support.sum(1, keepdim=True)
