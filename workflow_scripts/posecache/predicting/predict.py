"""Predict the people of pictures: skeletons drawn, and COCO's results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

import posecache
from posecache import skeletons
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.predicting import given, results
from posecache.predicting.detecting import Detector, kind_of
from posecache.predicting.given import Finder, FromFile, Given
from posecache.predicting.running import Look, Runner
from posecache.scores.predictions import Predictions
from posecache.threads import ahead


@dataclass(frozen=True, kw_only=True)
class Options:
    """How pictures are predicted."""

    boxes: Path | None = None  # a detector's results (COCO's format)
    min_box_score: float | None = None  # of those to keep; None: all
    detector: Path | None = None  # an ONNX file
    detector_kind: str | None = None  # None: as the file's name says
    flip: bool = True
    drawn: bool = True  # whether pictures are written
    min_score: float = 0.2  # above which a keypoint is drawn
    batch: int = 4
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    people: int
    pictures: int
    problems: Sequence[str]  # of the pictures that are left out, one line each


def predict(paths: Sequence[Path], model: Path, folder: Path, options: Options) -> Outcome:
    """Run a model's folder over pictures, and make `folder` of what it predicts.

    A picture that is broken, or not touched by one of its boxes, is left out. Raises ValueError,
    and then writes nothing, for what else is wrong, and if no picture is left.
    """
    _check(options)
    pictures = given.find(paths)
    card = Card.load(model / CARD_FILE)
    finder, people = _finder(pictures, options)
    session = Session(
        model / MODEL_FILE, card, batch=min(options.batch, people),
        device=options.device, threads=options.threads,
    )  # fmt: skip
    golden.check(model, session)
    runner = Runner(
        session=session, flip=options.flip, finder=finder,
        keep_images=options.drawn, threads=options.threads,
    )  # fmt: skip
    with results.new_folder(folder) as partial:
        return _Writing(partial, skeletons.load(card.skeleton), options).all(runner, pictures)


def _check(options: Options) -> None:
    if options.min_box_score is not None and options.boxes is None:
        raise ValueError("--min-box-score: belongs to --boxes, which is missing")
    if options.detector_kind is not None and options.detector is None:
        raise ValueError("--detector-kind: belongs to --detector, which is missing")


def _finder(pictures: Sequence[Given], options: Options) -> tuple[Finder, int]:
    """What finds the boxes, and how many people there are at least or about."""
    if options.boxes is not None:
        found = FromFile(options.boxes, pictures, options.min_box_score)
        return found, found.count
    if options.detector is not None:
        kind = options.detector_kind or kind_of(options.detector)
        return Detector(options.detector, kind, options.device), len(pictures)
    return given.whole, len(pictures)


@dataclass(frozen=True)
class _Writing:
    """Writes what is predicted into a folder."""

    folder: Path
    skeleton: skeletons.Skeleton
    options: Options

    def all(self, runner: Runner, pictures: Sequence[Given]) -> Outcome:
        """Run over all pictures, and write everything."""
        ids, problems = given.image_ids(pictures), list[str]()
        found = runner.run(tqdm(pictures, unit="picture", mininterval=5), problems)
        images, people = list[dict[str, Any]](), list[dict[str, Any]]()
        for look, predictions in ahead(self._drawn, found, threads=self.options.threads):
            image_id = ids[look.picture.number]
            images.append(results.image(look, image_id))
            people += results.people(look, predictions, image_id)
        if not images:
            raise ValueError(f"no picture is left: {'; '.join(problems)}")
        card = runner.session.card
        info = {
            "model": card.name,
            "sha256": card.sha256,
            "flip": runner.flip,
            "posecache": posecache.__version__,
        }
        results.write(self.folder, images, people, self.skeleton, info)
        return Outcome(len(people), len(images), problems)

    def _drawn(self, answered: tuple[Look, Predictions]) -> tuple[Look, Predictions]:
        """Write a picture with its skeletons, if they are wanted."""
        look, predictions = answered
        if self.options.drawn:
            results.write_drawn(
                self.folder, look, predictions, self.skeleton, self.options.min_score
            )
        return look, predictions
