"""A model over the people of pictures: threads read ahead, and the model sees whole batches.

Shapes: P people of one picture, B of several, K keypoints, H x W the model's input px.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from posecache.logits import views
from posecache.logits.looking import forward
from posecache.models.session import Session
from posecache.predicting.given import Boxes, Finder, Given
from posecache.samples.pictures import Size, read_whole, warp
from posecache.scores.predictions import Predictions, decoded
from posecache.threads import ahead


@dataclass(frozen=True, kw_only=True)
class Look:
    """A picture with its people's crops."""

    picture: Given
    image: np.ndarray | None  # (H, W, 3) uint8 RGB, where it is to be drawn on
    size: Size
    boxes: Boxes
    crops: np.ndarray  # (P, H, W, 3) uint8 RGB
    matrices: np.ndarray  # (P, 2, 3), image px to input px


@dataclass(frozen=True, kw_only=True)
class Runner:
    """How a model is run; crops, flip test and decoding are those of cached logits."""

    session: Session
    flip: bool
    finder: Finder
    keep_images: bool
    threads: int

    def run(
        self, pictures: Iterable[Given], problems: list[str]
    ) -> Iterator[tuple[Look, Predictions]]:
        """Each picture with its people's predictions, in order.

        One that cannot be used is left out; what is wrong with it is added to `problems`.
        """
        depth = self.threads + self.session.batch
        looks = ahead(self._looked, pictures, threads=self.threads, depth=depth)
        filling = _Filling(self)
        for look in looks:
            if isinstance(look, str):
                problems.append(look)
            else:
                yield from filling.add(look)
        yield from filling.rest()

    def predict(self, crops: np.ndarray, matrices: np.ndarray) -> Predictions:
        """Predictions for crops (B, H, W, 3) that `matrices` (B, 2, 3) have cut."""
        card = self.session.card
        run = forward(self.session, flip=self.flip, keypoints=True)
        said = run(crops, range(len(crops)))
        if not all(np.isfinite(part).all() for part in said):
            raise ValueError(f"{self.session.path}: logits that are not finite")
        read = views.as_read(matrices, card.label_offset, flip=self.flip)
        return decoded(said, read, card.input_size, card.split_ratio)

    def _looked(self, picture: Given) -> Look | str:
        """A picture, or what is wrong with it."""
        try:
            image = read_whole(picture.path)
            boxes = self.finder(picture, image)
        except ValueError as error:
            return str(error)
        card = self.session.card
        matrices = views.crops(card, boxes.xywh, [(card.padding, 0.0)])[:, 0]
        crops = np.empty((boxes.count, card.input_size[1], card.input_size[0], 3), np.uint8)
        for row, matrix in enumerate(matrices):
            crops[row] = warp(image, matrix, card.input_size)
        height, width = image.shape[:2]
        kept = image if self.keep_images else None
        return Look(
            picture=picture, image=kept, size=(width, height),
            boxes=boxes, crops=crops, matrices=matrices,
        )  # fmt: skip


class _Filling:
    """Crops of several pictures fill a model's batches; the last batch alone is short."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._waiting: deque[Look] = deque()
        self._crops: list[tuple[np.ndarray, np.ndarray]] = []  # with matrices, not run yet
        self._count = 0  # of those crops
        self._found: list[Predictions] = []  # of people whose picture waits for others

    def add(self, look: Look) -> Iterator[tuple[Look, Predictions]]:
        """Take a picture; the pictures that are finished by it."""
        self._waiting.append(look)
        self._crops.append((look.crops, look.matrices))
        self._count += look.boxes.count
        full = self._count - self._count % self._runner.session.batch
        if full:
            yield from self._run(full)

    def rest(self) -> Iterator[tuple[Look, Predictions]]:
        """The pictures that are left."""
        if self._crops:
            yield from self._run(self._count)

    def _run(self, count: int) -> Iterator[tuple[Look, Predictions]]:
        crops, matrices = (np.concatenate(parts) for parts in zip(*self._crops, strict=True))
        if count:
            self._found.append(self._runner.predict(crops[:count], matrices[:count]))
        self._crops, self._count = [(crops[count:], matrices[count:])], self._count - count
        found = Predictions.joined(self._found) if self._found else self._nobody()
        while self._waiting and (own := self._waiting[0].boxes.count) <= len(found.areas):
            yield self._waiting.popleft(), found.take(slice(own))
            found = found.take(slice(own, None))
        self._found = [found]

    def _nobody(self) -> Predictions:
        return Predictions(np.empty((0, 0, 2)), np.empty((0, 0)), np.empty(0))
