"""Pictures of the page, each a JPEG inside it. Shapes: B people, K keypoints, H x W px."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from posecache import geometry, skeletons
from posecache.datasets.records import GROUND_TRUTH
from posecache.report.drawing import draw
from posecache.report.people import Scored
from posecache.samples.pictures import decode, recognised
from posecache.scores.oks import VALID_SCORE
from posecache.skeletons import Skeleton

IMAGES, HEIGHT = 4, 288  # of each sample set; px
QUALITY = 82  # JPEG
THICK = 3  # px of lines in panels, which the page shows small


@dataclass(frozen=True)
class Strip:
    """Pictures of one sample set with the student's skeletons."""

    samples: str
    added: Sequence[str]  # keypoints that the set does not label
    pictures: Sequence[tuple[str, str]]  # data URI and file name


def strip_of(found: Scored) -> Strip:
    """The student's skeletons of everybody in some pictures; what the set does not label is red."""
    store, skeleton = found.store, found.skeleton
    known = skeletons.load(store.skeleton).keypoints
    added = [name for name in skeleton.keypoints if name not in known]
    pictures = [_picture(found, image, added) for image in found.images(IMAGES)]
    return Strip(store.folder.name, added, pictures)


def _picture(found: Scored, image: int, added: Collection[str]) -> tuple[str, str]:
    store = found.store
    rows = np.flatnonzero(store.column("image_index") == image)
    if store.boxes != GROUND_TRUTH:  # of the many that are detected, those who are annotated
        rows = rows[~np.isnan(found.labels.keypoints[rows]).all((-1, -2))]
    picture = store.picture(int(rows[0]))
    content = decode(recognised(picture.path, picture.digest))
    scale = HEIGHT / content.shape[0]
    size = (max(round(content.shape[1] * scale), 1), HEIGHT)
    small = cv2.resize(content, size, interpolation=cv2.INTER_AREA)
    points = (found.predictions.keypoints[rows] + 0.5) * scale - 0.5
    seen = found.predictions.scores[rows] > VALID_SCORE
    return as_uri(draw(small, points, seen, found.skeleton, added)), picture.path.name


def panels(
    crops: np.ndarray,
    keypoints: np.ndarray,
    seen: np.ndarray,
    skeleton: Skeleton,
    marked: Collection[str],
    matrices: np.ndarray,
) -> list[str]:
    """Each person's crop (B, H, W, 3), which `matrices` (B, 2, 3) cut from the picture, with
    keypoints (B, K, 2) image px where `seen` (B, K)."""
    places = geometry.apply(matrices, np.nan_to_num(keypoints).astype(np.float64)).numpy()
    return [
        as_uri(draw(crop, points[None], visible[None], skeleton, marked, THICK))
        for crop, points, visible in zip(crops, places, seen, strict=True)
    ]


def as_uri(image: np.ndarray) -> str:
    """An image (H, W, 3) uint8 RGB as the address of a JPEG that it holds itself."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()
