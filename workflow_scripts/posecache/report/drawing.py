"""Skeletons drawn on pictures. Shapes: P people, K keypoints."""

from collections.abc import Collection

import cv2
import numpy as np

from posecache.skeletons import Skeleton

PLAIN, MARKED = (60, 220, 90), (235, 40, 40)  # RGB
SHIFT = 4  # OpenCV draws at 1/16 px


def draw(
    picture: np.ndarray,
    keypoints: np.ndarray,
    seen: np.ndarray,
    skeleton: Skeleton,
    marked: Collection[str] = (),
    thick: int | None = None,
) -> np.ndarray:
    """A copy of a picture (H, W, 3) uint8 RGB with people's skeletons on it.

    `keypoints` (P, K, 2) in image px; only those with `seen` (P, K) are drawn, and the links
    between two of them. The keypoints named in `marked`, and the links that end there, are red.
    Lines are `thick` px wide, by default as suits the picture's size.
    """
    canvas = picture.copy()
    thick = thick or max(round(min(picture.shape[:2]) / 160), 1)
    red = [name in marked for name in skeleton.keypoints]
    for points, visible in zip(keypoints, seen, strict=True):
        places = np.round(points * 2**SHIFT).astype(int)
        for a, b in skeleton.links:
            if visible[a] and visible[b]:
                color = MARKED if red[a] or red[b] else PLAIN
                cv2.line(canvas, places[a], places[b], color, thick, cv2.LINE_AA, SHIFT)
        for index in np.flatnonzero(visible):
            color = MARKED if red[index] else PLAIN
            radius = round(1.5 * thick * 2**SHIFT)
            cv2.circle(canvas, places[index], radius, color, cv2.FILLED, cv2.LINE_AA, SHIFT)
    return canvas
