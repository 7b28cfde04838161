"""Training on made-up people who lie decoded in memory: neither stores nor teachers are needed."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch
from live_teaching import TEACHERS, UNION
from torch import Tensor

from posecache import geometry, simcc, skeletons
from posecache.contract import PADDING
from posecache.samples.flat_crops import FlatCrops
from posecache.training.batch import Batch, CachedViews, Pool
from posecache.training.costs import Costs
from posecache.training.losses import TeacherTarget, Truth
from posecache.training.stream import Stream
from posecache.training.teaching import Teaching

CROP, CONTEXT = 384, 1.6  # px, and its side over that of the plain crop


class FixedTeaching(Teaching):
    """Makes its first batch, and gives that at every step."""

    made: tuple[Tensor, Truth, dict[str, TeacherTarget]] | None = None

    def prepare(
        self, batch: Batch, step: int, epoch: int
    ) -> tuple[Tensor, Truth, dict[str, TeacherTarget]]:
        """The same tensors each time."""
        self.made = self.made or super().prepare(batch, step, epoch)
        return self.made


class InMemory(Stream):
    """Batches of people in memory, whose rows are drawn anew for each: a few hundred people serve
    any number of steps."""

    def __init__(self, people: Batch, batch_size: int, steps: int, *, fixed: bool) -> None:
        """`steps` an epoch; `fixed`: all of them get one and the same batch."""
        self.pool, self.batch_size, self.steps_per_epoch = Pool([people]), batch_size, steps
        self.fixed, self.costs = fixed, Costs(1)

    def open(self) -> None:
        """All lies decoded already."""

    @property
    def resident(self) -> bool:
        return True

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """An epoch's batches, taken as every stream takes those whose chunks it holds."""
        rng, batch = np.random.default_rng(epoch), None
        for _ in range(start, self.steps_per_epoch):
            if batch is None or not self.fixed:
                batch = self.pool.take(rng.integers(0, len(self.pool), self.batch_size))
            yield batch


def make_people(rows: int) -> Batch:
    """Persons with COCO's labels in random crops, and each teacher's peaked, noisy logits."""
    rng, union = np.random.default_rng(0), skeletons.load(UNION)
    boxes = np.c_[rng.uniform(0, 300, (rows, 2)), np.full(rows, 150.0), np.full(rows, 250.0)]
    places = rng.random((rows, union.num_keypoints, 2))
    points = boxes[:, None, :2] + places * boxes[:, None, 2:]
    labelled, _ = union.indices_in(skeletons.load("coco17"))
    keypoints = np.full(points.shape, np.nan, np.float32)
    keypoints[:, labelled] = points[:, labelled]
    noise = rng.integers(0, 256, (rows, 24, 24, 3), dtype=np.uint8)
    return Batch(
        crops=FlatCrops.of([cv2.resize(picture, (CROP, CROP)) for picture in noise]),
        crop_matrix=geometry.box_matrices(boxes, (CROP, CROP), PADDING * CONTEXT).numpy(),
        box=boxes.astype(np.float32),
        keypoints=keypoints,
        teachers={
            name: looked(boxes, points[:, union.indices_in(skeletons.load(skeleton))[0]], size)
            for name, (skeleton, size) in TEACHERS.items()
        },
    )


def looked(boxes: np.ndarray, points: np.ndarray, size: tuple[int, int]) -> CachedViews:
    """Logits over upright crops of boxes (N, 4), with keypoints near points (N, Kt, 2) image px."""
    matrix = geometry.box_matrices(boxes, size)
    seen, labelled = geometry.apply(matrix, points), np.ones(points.shape[:2])
    peaks = simcc.encode(seen, labelled, size, simcc.default_sigma(size))[:2]
    generator = torch.Generator().manual_seed(0)
    x, y = (
        (peak + 0.02 * torch.randn(peak.shape, generator=generator)).half().numpy()[:, None]
        for peak in peaks
    )
    return CachedViews(x=x, y=y, matrix=matrix.numpy()[:, None])


def heard(people: Batch, count: int) -> Batch:
    """The same people with the logits of the first `count` teachers alone."""
    return replace(people, teachers=dict(list(people.teachers.items())[:count]))
