"""Teaching: a batch becomes the student's images, its labels and its teachers, all in one crop.

Shapes: B samples, K student keypoints, Kt teacher keypoints, H x W the student's input in px.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from posecache import geometry, simcc
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD, SPLIT_RATIO
from posecache.devices import onto
from posecache.logits import views
from posecache.logits.store import LogitStore
from posecache.samples.augmentation import draw_matrices
from posecache.skeletons import Skeleton
from posecache.training import pixels
from posecache.training.batch import Batch
from posecache.training.losses import TeacherTarget, Truth
from posecache.training.recipe import Recipe
from posecache.training.shares import draws


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """How a teacher's cached logits are read."""

    skeleton: Skeleton
    input_size: tuple[int, int]  # width, height in px
    split_ratio: float
    beta: float

    @staticmethod
    def of(store: LogitStore, skeleton: Skeleton) -> "Teacher":
        """The teacher that filled a store."""
        return Teacher(
            skeleton=skeleton,
            input_size=store.input_size,
            split_ratio=store.split_ratio,
            beta=store.beta,
        )


class Teaching:
    """Prepares batches for one student."""

    def __init__(
        self,
        recipe: Recipe,
        skeleton: Skeleton,
        teachers: Mapping[str, Teacher],
        device: str,
        *,
        as_authors: bool = False,
    ) -> None:
        """`skeleton` is the student's; `as_authors`: read logits as the authors' public code does.

        Raises ValueError for a teacher with keypoints that the student's skeleton lacks, and for a
        replay without teachers.
        """
        self.recipe, self.skeleton, self.teachers = recipe, skeleton, teachers
        self.device, self.as_authors = torch.device(device), as_authors
        self.sigma = recipe.sigma or simcc.default_sigma(recipe.input_size)
        if recipe.geometry == "replay" and not teachers:
            raise ValueError("geometry: replay needs a teacher, whose crops the student sees")
        self._indices = {
            name: torch.as_tensor(self._places(name, teacher.skeleton), device=self.device)
            for name, teacher in teachers.items()
        }
        std = torch.tensor(IMAGENET_STD, device=self.device).view(1, 3, 1, 1)
        self._scale = 1 / std
        self._shift = -torch.tensor(IMAGENET_MEAN, device=self.device).view(1, 3, 1, 1) / std

    def _places(self, name: str, teacher: Skeleton) -> np.ndarray:
        """The student's index of each of a teacher's keypoints."""
        mine, theirs = self.skeleton.indices_in(teacher)
        if len(mine) != teacher.num_keypoints:
            raise ValueError(
                f"teacher {name} predicts {teacher.name}, of which the student's skeleton "
                f"{self.skeleton.name} has only {len(mine)} of {teacher.num_keypoints} keypoints"
            )
        return mine[np.argsort(theirs)]

    def prepare(
        self, batch: Batch, step: int, epoch: int
    ) -> tuple[Tensor, Truth, dict[str, TeacherTarget]]:
        """Augmented, normalised input (B, 3, H, W), labels and teachers in the same crop.

        Every draw is a function of the recipe's seed, the step and the place in the global batch.
        """
        recipe = self.recipe
        varied = recipe.augmentation_at(epoch)
        rng, view = draws([recipe.seed, step, 2], batch.part), None
        if recipe.geometry == "replay":
            matrix, view = self.replayed(batch, rng)
        else:
            matrix = draw_matrices(
                torch.from_numpy(batch.box),
                torch.from_numpy(batch.keypoints),
                self.skeleton,
                varied,
                recipe.padding,
                recipe.input_size,
                rng,
            )
        images = self.warp(batch, matrix, recipe.input_size)
        images = pixels.augment(images, varied, draws([recipe.seed, step, 3], batch.part))
        images = self.normalised(images)
        targets = {name: self.target(name, batch, matrix, view) for name in self.teachers}
        return images, self.truth(batch, matrix), targets

    def normalised(self, images: Tensor) -> Tensor:
        """The network's input of images (B, 3, H, W), 0-255, on the training device."""
        return torch.addcmul(self._shift, images, self._scale)

    def warp(self, batch: Batch, matrix: Tensor, size: tuple[int, int]) -> Tensor:
        """Crops (B, 3, H, W), 0-255, of `size` (W, H), that `matrix` (B, 2, 3) cuts from images."""
        crops = batch.crops.onto(self.device)
        crop_matrix = torch.from_numpy(batch.crop_matrix).double()
        return pixels.on(crops.pixels).warp(crops, crop_matrix, matrix, size)

    def _on_device(self, array: np.ndarray) -> Tensor:
        return onto(torch.from_numpy(array), self.device)

    def replayed(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, np.ndarray]:
        """Draw one of the first teacher's views for each sample: its crop (B, 2, 3) and index (B,).

        Raises ValueError if the teachers were cached under different numbers of views.
        """
        counts = {name: cached.matrix.shape[1] for name, cached in batch.teachers.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f"geometry: replay: teachers with different numbers of views: {counts}"
            )
        first, count = next(iter(counts.items()))
        matrices = torch.from_numpy(batch.teachers[first].matrix)
        chosen = rng.integers(0, count, len(matrices))
        view = matrices[torch.arange(len(matrices)), torch.from_numpy(chosen)]
        resize = geometry.resize(self.teachers[first].input_size, self.recipe.input_size)
        return geometry.compose(resize, view), chosen

    def truth(self, batch: Batch, matrix: Tensor) -> Truth:
        """Labels in the student's crop; a mirrored crop has left and right swapped."""
        keypoints = geometry.apply(matrix, torch.from_numpy(batch.keypoints).double())
        keypoints = simcc.mirrored(keypoints, matrix, self.skeleton.flip_pairs).float()
        labelled = (~keypoints.isnan().any(-1)).float()
        keypoints, labelled = (onto(v, self.device) for v in (keypoints, labelled))
        label_x, label_y, weight = simcc.encode(
            keypoints, labelled, self.recipe.input_size, self.sigma
        )
        return Truth(
            label_x=label_x, label_y=label_y, keypoints=keypoints.nan_to_num(), weight=weight
        )

    def target(
        self, name: str, batch: Batch, matrix: Tensor, view: np.ndarray | None = None
    ) -> TeacherTarget:
        """A teacher's logits of `view`, or of the least turned view, in the student's crop."""
        cached = batch.teachers[name]
        matrices = torch.from_numpy(cached.matrix)
        rows = np.arange(len(matrices))
        if view is None:
            view = views.nearest(matrix, matrices).numpy()
        x, y = (self._on_device(logits[rows, view]).float() for logits in (cached.x, cached.y))
        return self.carried(name, (x, y), matrices[rows, view], matrix)

    def carried(
        self, name: str, logits: tuple[Tensor, Tensor], seen: Tensor, matrix: Tensor
    ) -> TeacherTarget:
        """A teacher's logits x (B, Kt, Wx) and y (B, Kt, Wy), on the training device, of the crops
        that `seen` (B, 2, 3) cuts, in the student's crops, which `matrix` (B, 2, 3) cuts."""
        teacher, (x, y) = self.teachers[name], logits
        places, peak = simcc.decode(x, y, teacher.split_ratio)
        carry = geometry.compose(matrix, geometry.invert(seen))
        keypoints = geometry.apply(onto(carry.float(), self.device), places)
        # `transport` assumes the student's bins per px, so the teacher's px are scaled to match.
        to_bins = geometry.zoom(teacher.split_ratio / SPLIT_RATIO)
        if self.as_authors:
            x, y, to_bins = self._resampled(x, y, teacher)
        between = geometry.compose(matrix, geometry.invert(geometry.compose(to_bins, seen)))
        prob_x, prob_y, mass = simcc.transport(
            x, y, between, self.recipe.input_size, teacher.skeleton.flip_pairs, beta=teacher.beta
        )
        return TeacherTarget(
            prob_x=prob_x,
            prob_y=prob_y,
            weight=mass,
            peak=simcc.mirrored(peak.clamp(0, 1), between, teacher.skeleton.flip_pairs),
            keypoints=simcc.mirrored(keypoints, between, teacher.skeleton.flip_pairs),
            indices=self._indices[name],
        )

    def _resampled(self, x: Tensor, y: Tensor, teacher: Teacher) -> tuple[Tensor, Tensor, Tensor]:
        """Logits in the student's bins, and the matrix from the teacher's px to those bins' px.

        The authors' code stretches the student's crop to the teacher's input and resamples the
        logits back, both with aligned corners.
        """
        size = self.recipe.input_size
        x, y = (
            F.interpolate(logits, int(side * SPLIT_RATIO), mode="linear", align_corners=True)
            for logits, side in zip((x, y), size, strict=True)
        )
        return x, y, geometry.resize(teacher.input_size, size, align_corners=True)
