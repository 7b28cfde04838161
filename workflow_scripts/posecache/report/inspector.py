"""The people of the page: what truth, teachers and student say of each, all in the student's crop.

Shapes: B people, K keypoints of the student, Km of another model, Wx and Wy bins.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posecache import geometry, skeletons
from posecache.models.card import CARD_FILE, Card
from posecache.report import pictures
from posecache.report.contents import Contents
from posecache.report.looks import Look, Looks, crops_of, upright_crops
from posecache.report.people import Case, Labels
from posecache.samples.pictures import Size
from posecache.samples.store import SampleStore
from posecache.scores.oks import VALID_SCORE
from posecache.skeletons import Skeleton

HEIGHT = 320  # px of the pictures
TRUTH = "labels"


@dataclass(frozen=True)
class Shown:
    """A person of the page."""

    case: Case
    title: str
    panels: Sequence[tuple[str, str]]  # whose keypoints, and the picture with them
    record: dict[str, Any]  # for the inspector, JSON-able


@dataclass(frozen=True)
class Group:
    """Some people of a sample set, and what models say of them."""

    store: SampleStore
    cases: Sequence[Case]
    labels: Labels  # of these people
    skeleton: Skeleton  # the student's
    size: Size  # of the student's crop, input px
    matrix: np.ndarray  # (B, 2, 3), image px to its px
    looks: Mapping[str, Look]  # by model

    @property
    def rows(self) -> list[int]:
        """Their rows in the sample set."""
        return [case.row for case in self.cases]

    def shown(self) -> list[Shown]:
        """Each of them, as the page shows them."""
        resize = geometry.resize(self.size, self._canvas)
        matrices = geometry.compose(resize, self.matrix).numpy()
        crops = crops_of(self.store, self.rows, matrices, self._canvas)
        drawn, records = self._panels(crops, matrices), self._records(crops)
        return [
            Shown(case, record["title"], [(who, p[n]) for who, p in drawn.items()], record)
            for n, (case, record) in enumerate(zip(self.cases, records, strict=True))
        ]

    def _records(self, crops: np.ndarray) -> list[dict[str, Any]]:
        """What the inspector needs of each, whose pictures are `crops` (B, H, W, 3)."""
        labels = self.labels.among(self.skeleton)
        said = {model: _said(look, self.skeleton, self) for model, look in self.looks.items()}
        return [
            {
                "title": self._title(case),
                "kind": case.kind,
                "samples": self.store.folder.name,
                "row": case.row,
                "crop": pictures.as_uri(crops[n]),
                "size": self.size,
                "matrix": self.matrix[n].round(6).tolist(),
                TRUTH: [None if np.isnan(p).any() else _rounded(p) for p in labels[n]],
                "models": {model: own[n] for model, own in said.items()},
            }
            for n, case in enumerate(self.cases)
        ]

    @property
    def _canvas(self) -> Size:
        """Width and height of the pictures in px."""
        return max(round(self.size[0] * HEIGHT / self.size[1]), 1), HEIGHT

    def _title(self, case: Case) -> str:
        name = self.store.image_path(case.row).name
        return f"{self.store.folder.name}, {name}: {case.kind}, {case.told}"

    def _panels(self, crops: np.ndarray, matrices: np.ndarray) -> dict[str, list[str]]:
        """Pictures with the labels', each teacher's and the student's keypoints."""
        known, labels = self.labels.skeleton, self.labels.keypoints
        added = set(self.skeleton.keypoints) - set(known.keypoints)
        seen, drawn = ~np.isnan(labels).any(-1), {}
        if known.num_keypoints:
            drawn[TRUTH] = pictures.panels(crops, labels, seen, known, (), matrices)
        for model, look in self.looks.items():
            found = look.predictions
            drawn[model] = pictures.panels(
                crops, found.keypoints, found.scores > VALID_SCORE, look.skeleton, added, matrices
            )
        return drawn


def gathered(
    contents: Contents, looks: Looks, store: SampleStore, cases: Sequence[Case], labels: Labels
) -> Group:
    """What the shown student and its teachers say of some people; `labels` are all of the set's."""
    assert contents.student is not None
    card = Card.load(contents.models[contents.student] / CARD_FILE)
    rows = [case.row for case in cases]
    matrix = upright_crops(card, store, rows)
    found = {
        model: look
        for model in [*contents.teachers, contents.student]
        if (look := looks.of(model, store, rows, matrix)) is not None
    }
    own = skeletons.load(card.skeleton)
    return Group(store, cases, labels.at(rows), own, card.input_size, matrix, found)


def _said(look: Look, skeleton: Skeleton, group: Group) -> list[dict[str, Any]]:
    """What a model says of each person: `of` has the place of each of the student's keypoints among
    the model's, -1 where it is not; a distribution is bytes of 255ths of its `peak`."""
    mine, theirs = skeleton.indices_in(look.skeleton)
    places = np.full(skeleton.num_keypoints, -1)
    places[mine] = theirs
    x, y, mass = look.carried(group.matrix, group.size)
    said = look.predictions
    return [
        {
            "origin": look.origin,
            "of": places.tolist(),
            "keypoints": [_rounded(point) for point in said.keypoints[place]],
            "scores": [round(float(score), 3) for score in said.scores[place]],
            "mass": [round(float(share), 3) for share in mass[place]],
            "x": _packed(x[place]),
            "y": _packed(y[place]),
        }
        for place in range(len(group.cases))
    ]


def _packed(distributions: np.ndarray) -> dict[str, Any]:
    """Distributions (Km, W), W bins each, as base64 of a byte a bin, and their peaks (Km,)."""
    peaks = distributions.max(-1)
    levels = np.round(255 * distributions / np.maximum(peaks, 1e-12)[:, None]).astype(np.uint8)
    return {
        "peak": [round(float(peak), 5) for peak in peaks],
        "bins": distributions.shape[-1],
        "levels": base64.b64encode(levels.tobytes()).decode(),
    }


def _rounded(point: np.ndarray) -> list[float]:
    return [round(float(value), 2) for value in point]
