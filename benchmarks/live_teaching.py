"""Teachers that run on each augmented crop, as in online distillation, instead of cached ones."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posecache import geometry, skeletons
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.skeletons import Skeleton
from posecache.training import pixels
from posecache.training.batch import Batch, CachedViews
from posecache.training.losses import TeacherTarget
from posecache.training.recipe import Recipe
from posecache.training.teaching import Teacher, Teaching


class LiveTeaching(Teaching):
    """A student's batches, with the predictions of the models of some folders over them."""

    def __init__(
        self, recipe: Recipe, skeleton: Skeleton, folders: Mapping[str, Path], *, flip: bool = True
    ) -> None:
        """`skeleton` is the student's; `flip`: means with the mirrored crop's predictions."""
        cards = {name: Card.load(folder / CARD_FILE) for name, folder in folders.items()}
        super().__init__(recipe, skeleton, {n: _teacher(card) for n, card in cards.items()}, "cpu")
        self.flip = flip
        self.sessions = {
            name: Session(folder / MODEL_FILE, cards[name], batch=recipe.batch_size)
            for name, folder in folders.items()
        }

    def target(
        self, name: str, batch: Batch, matrix: Tensor, view: np.ndarray | None = None
    ) -> TeacherTarget:
        """What a teacher says of the student's crop, seen at the teacher's own size."""
        session = self.sessions[name]
        size = session.card.input_size
        seen = geometry.compose(_around_the_middle(self.recipe.input_size, size), matrix)
        crops, crop_matrix = torch.from_numpy(batch.crops), torch.from_numpy(batch.crop_matrix)
        images = pixels.on(crops).warp(crops, crop_matrix.double(), seen, size)
        run = session.run_flipped if self.flip else session.run
        x, y = run(images.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())
        views = CachedViews(x=x[:, None], y=y[:, None], matrix=seen[:, None].numpy())
        return super().target(name, replace(batch, teachers={name: views}), matrix, view)


def _teacher(card: Card) -> Teacher:
    return Teacher(
        skeleton=skeletons.load(card.skeleton), input_size=card.input_size,
        split_ratio=card.split_ratio, beta=card.beta,
    )  # fmt: skip


def _around_the_middle(size: tuple[int, int], new_size: tuple[int, int]) -> Tensor:
    """Matrix (2, 3) from px of a crop to those of the largest one of another size that shows it."""
    factor = min(new / old for old, new in zip(size, new_size, strict=True))
    matrix = geometry.zoom(factor)
    for axis, (old, new) in enumerate(zip(size, new_size, strict=True)):
        matrix[axis, 2] = (new - 1) / 2 - factor * (old - 1) / 2
    return matrix
