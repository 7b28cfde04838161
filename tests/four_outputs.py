"""A tiny refined network: logits of the channels' means, and keypoints beside the brightest px."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import tiny
from posecache import skeletons
from posecache.models.card import MODEL_FILE
from posecache.models.export import to_bytes
from posecache.models.folder import write_model
from posecache.skeletons import Skeleton

# Input px: how far left keypoints lie to the left of the brightest px, right ones to the right.
ASIDE = 1.5


class FourOutputs(nn.Module):
    """Its left and right change places with those of the mirrored picture; its scores do not."""

    grid: Tensor  # (H * W, 2) the px' places, x and y
    aside: Tensor  # (K, 2) px

    def __init__(self, skeleton: Skeleton, size: tuple[int, int] = tiny.SIZE) -> None:
        super().__init__()
        self.size, self.num_keypoints = size, skeleton.num_keypoints
        x, y = torch.meshgrid(*(torch.arange(float(side)) for side in size), indexing="xy")
        self.register_buffer("grid", torch.stack([x, y], -1).flatten(0, 1), persistent=False)
        aside = torch.zeros(skeleton.num_keypoints, 2)
        for left, right in skeleton.flip_pairs:
            aside[left, 0], aside[right, 0] = -ASIDE, ASIDE
        self.register_buffer("aside", aside, persistent=False)
        torch.manual_seed(0)
        self.heads = nn.ModuleList(
            nn.Linear(3, skeleton.num_keypoints * 2 * side, bias=False) for side in size
        )
        self.neighbours = nn.Parameter(torch.rand(skeleton.num_keypoints, skeleton.num_keypoints))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Crops (B, 3, H, W) to x (B, K, 2W), y (B, K, 2H), keypoints (B, K, 2), scores (B, K)."""
        means = images.mean((2, 3))
        x, y = (
            head(means).view(-1, self.num_keypoints, 2 * side)
            for head, side in zip(self.heads, self.size, strict=True)
        )
        brightest = torch.softmax(8 * images.mean(1).flatten(1), -1) @ self.grid
        keypoints = brightest.unsqueeze(1) + self.aside
        shares = (2 * keypoints + 1) / keypoints.new_tensor(self.size) - 1
        seen = functional.grid_sample(images, shares.unsqueeze(1), align_corners=False)
        scores = self.neighbours @ seen.squeeze(2).mean(1).unsqueeze(-1)
        return x, y, keypoints, scores.squeeze(-1).sigmoid()


def refined_folder(folder: Path, skeleton: str = "coco17") -> Path:
    """The network as a model, with its golden crop and its card."""
    content = to_bytes(FourOutputs(skeletons.load(skeleton)), tiny.SIZE)
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(content)
    card = tiny.card(folder / MODEL_FILE, skeleton, refined=True)
    write_model(folder, card, content)
    return folder
