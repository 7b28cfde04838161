"""How far a teacher that normalises by its batch is from the same teacher as it is deployed.

The authors' public code trains its students with teachers in training mode: their batch norms use
the statistics of the batch at hand. Prints KL in nats a keypoint's axis over training crops.
"""

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from posecache import samples, skeletons
from posecache.logits.live import divergence
from posecache.models.card import CARD_FILE, WEIGHTS_FILE, Card
from posecache.models.checkpoint import load_into
from posecache.models.networks import NETWORKS
from posecache.training.recipe import Recipe
from posecache.training.stream import Stream, TrainingSet
from posecache.training.teaching import Teaching

STILL = {
    "flip_prob": 0, "half_body_prob": 0, "shift_prob": 0, "scale_factor": [1, 1], "rotate_prob": 0,
    "hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0, "dropout_prob": 0,
}  # fmt: skip
# The demo's, which its teacher was trained under.
DEMO = STILL | {
    "flip_prob": 0.5, "shift_prob": 0.3, "scale_factor": [0.8, 1.25], "rotate_degrees": 30,
    "rotate_prob": 0.5,
}  # fmt: skip
CROPS = {"upright": STILL, "augmented as in its training": DEMO, "augmented as RTMPose's": {}}

Pair = tuple[Tensor, Tensor]  # logits x (N, K, Wx) and y (N, K, Wy)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", type=Path, default=Path("results/models/teacher-coco"))
    parser.add_argument(
        "--samples", type=Path, nargs="+", default=[Path("results/samples/coco-train")],
        help="of several sets, batches are mixed",
    )  # fmt: skip
    parser.add_argument(
        "--variant", type=yaml.safe_load, default={"deepen": 0.33, "widen": 0.25, "stride": 16}
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batches", type=int, default=8)
    return parser.parse_args()


def images(card: Card, folders: list[Path], how: dict[str, object], batch: int) -> Iterator[Tensor]:
    """Prepared training crops (B, 3, H, W)."""
    skeleton = skeletons.load(card.skeleton)
    recipe = Recipe.model_validate(
        {"input_size": card.input_size, "variant": {"deepen": 1, "widen": 1, "stride": 16},
         "batch_size": batch, "augmentation": how, "final_epochs": 0}
    )  # fmt: skip
    teaching = Teaching(recipe, skeleton, {}, "cpu")
    sets = [TrainingSet(samples=samples.open(folder), logits={}) for folder in folders]
    stream = Stream(sets, skeleton, batch_size=batch, seed=0, memory_mb=500)
    for step, found in enumerate(stream.epoch(0)):
        yield teaching.prepare(found, step, 0)[0]


@torch.no_grad()
def in_batches(network: nn.Module, crops: Tensor, order: Tensor, batch: int) -> Pair:
    """Logits of crops that meet in the batches of `order`, in the crops' own order."""
    parts = [network(crops[rows]) for rows in order.split(batch)]
    back = order.argsort()
    return torch.cat([x for x, _ in parts])[back], torch.cat([y for _, y in parts])[back]


def kl(p: Pair, q: Pair, beta: float) -> float:
    """KL(p || q), mean over samples, keypoints and axes."""
    axes = [divergence(a.numpy(), b.numpy(), beta) for a, b in zip(p, q, strict=True)]
    return float(np.mean(axes))


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    card = Card.load(arguments.teacher / CARD_FILE)
    keypoints = skeletons.load(card.skeleton).num_keypoints
    running = NETWORKS["rtmpose"].build(arguments.variant, keypoints, card.input_size).eval()
    load_into(running, arguments.teacher / WEIGHTS_FILE, "whole")
    print("| crops | KL(batch ‖ running) | KL(batch ‖ other batch) |\n|---|---|---|")
    for name, how in CROPS.items():
        found = images(card, arguments.samples, how, arguments.batch)
        crops = torch.cat([next(found) for _ in range(arguments.batches)])
        orders = [torch.arange(len(crops)), torch.randperm(len(crops))]
        fixed = in_batches(running, crops, orders[0], arguments.batch)
        # Copies, as a batch also moves the running statistics.
        one, other = (
            in_batches(copy.deepcopy(running).train(), crops, order, arguments.batch)
            for order in orders
        )
        print(f"| {name} | {kl(one, fixed, card.beta):.3f} | {kl(one, other, card.beta):.3f} |")


if __name__ == "__main__":
    main()
