"""Teachers that run on each augmented crop, as in online distillation, instead of cached ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from posecache import geometry, skeletons
from posecache.contract import BETA, IMAGENET_MEAN, IMAGENET_STD, SPLIT_RATIO
from posecache.models import RTMPose
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.skeletons import Skeleton
from posecache.training.batch import Batch
from posecache.training.losses import TeacherTarget
from posecache.training.recipe import Recipe
from posecache.training.teaching import Teacher, Teaching

TEACHERS = {"coco": ("coco17", (192, 256)), "mpii": ("mpii16", (256, 256))}
UNION = "coco17+mpii16"
# Crops (B, 3, H, W), 0-255, to float32 logits x (B, Kt, Wx) and y (B, Kt, Wy) on the same device.
Forward: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]


def as_teacher(skeleton: str, size: tuple[int, int]) -> Teacher:
    """How the logits of an RTMPose with an input of `size` (width, height) px are read."""
    return Teacher(
        skeleton=skeletons.load(skeleton), input_size=size, split_ratio=SPLIT_RATIO, beta=BETA
    )


@dataclass(frozen=True)
class LiveTeacher:
    """A teacher that runs."""

    teacher: Teacher
    forward: Forward

    @staticmethod
    def of_folder(
        folder: Path, *, batch: int, flip: bool, device: str = "cpu", threads: int = 1
    ) -> "LiveTeacher":
        """A model's folder, run by ONNX Runtime; `flip`: means with the mirrored crop's logits."""
        from posecache.models.session import Session  # not every machine has ONNX Runtime

        card = Card.load(folder / CARD_FILE)
        session = Session(folder / MODEL_FILE, card, batch=batch, device=device, threads=threads)
        run = session.run_flipped if flip else session.run

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            levels = images.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
            x, y = (torch.from_numpy(logits).to(images.device) for logits in run(levels))
            return x, y

        teacher = Teacher(
            skeleton=skeletons.load(card.skeleton), input_size=card.input_size,
            split_ratio=card.split_ratio, beta=card.beta,
        )  # fmt: skip
        return LiveTeacher(teacher, forward)

    @staticmethod
    def of_network(skeleton: str, size: tuple[int, int], device: str) -> "LiveTeacher":
        """RTMPose-m with random weights, run by PyTorch; on CUDA in bfloat16, as the student is."""
        network = RTMPose("m", skeletons.load(skeleton).num_keypoints, size).eval()
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        mean, std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (IMAGENET_MEAN, IMAGENET_STD)
        )

        @torch.no_grad()
        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            with torch.autocast("cuda", torch.bfloat16, enabled=images.is_cuda):
                x, y = network((images - mean) / std)
            return x.float(), y.float()

        return LiveTeacher(as_teacher(skeleton, size), forward)


class LiveTeaching(Teaching):
    """A student's batches, with the predictions of teachers that run over them."""

    def __init__(
        self, recipe: Recipe, skeleton: Skeleton, live: Mapping[str, LiveTeacher], device: str
    ) -> None:
        """`skeleton` is the student's."""
        super().__init__(recipe, skeleton, {n: t.teacher for n, t in live.items()}, device)
        self.live = live

    def target(
        self, name: str, batch: Batch, matrix: Tensor, view: np.ndarray | None = None
    ) -> TeacherTarget:
        """What a teacher says of the student's crop, seen at the teacher's own size."""
        size = self.teachers[name].input_size
        seen = geometry.compose(_around_the_middle(self.recipe.input_size, size), matrix)
        images = self.warp(batch, seen, size)
        return self.carried(name, self.live[name].forward(images), seen, matrix)


def _around_the_middle(size: tuple[int, int], new_size: tuple[int, int]) -> Tensor:
    """Matrix (2, 3) from px of a crop to those of the largest one of another size that shows it."""
    factor = min(new / old for old, new in zip(size, new_size, strict=True))
    matrix = geometry.zoom(factor)
    for axis, (old, new) in enumerate(zip(size, new_size, strict=True)):
        matrix[axis, 2] = (new - 1) / 2 - factor * (old - 1) / 2
    return matrix
