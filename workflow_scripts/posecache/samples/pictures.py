"""From image files to crops; an image is decoded once for all persons in it."""

from pathlib import Path

import cv2
import numpy as np

# Parallelism comes from our own threads, one per image.
cv2.setNumThreads(1)

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"


def read_image(path: Path) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB; ValueError names one that is missing or broken."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such image") from None
    # OpenCV fills the lost part of a truncated JPEG with grey and only warns. Some cameras put
    # bytes after the end mark, so it is searched for in more than the last two bytes.
    if data.startswith(JPEG_START) and JPEG_END not in data[-4096:]:
        raise ValueError(f"{path}: truncated image, the JPEG has no end mark")
    try:
        return decode(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def decode(data: bytes | memoryview) -> np.ndarray:
    """An encoded image as (H, W, 3) uint8 RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise ValueError("not an image, or a broken one")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The crop (height, width, 3) uint8 to which `matrix` (2, 3) carries an image; black outside.

    Source: MMPose datasets/transforms/topdown_transforms.py (OpenCV warpAffine, bilinear).
    """
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)


def crop_rows(
    paths: list[Path], matrices: np.ndarray, size: tuple[int, int], places: list[str]
) -> np.ndarray:
    """Crops (B, height, width, 3) uint8 RGB of B rows, each image decoded once.

    `paths` has one path per row, with rows of one image adjacent; `matrices` (B, 2, 3) map image px
    to crop px; `places` name each row in error messages.
    """
    crops = np.empty((len(paths), size[1], size[0], 3), np.uint8)
    image, path = None, None
    for row, place in enumerate(places):
        if path != paths[row]:
            path = paths[row]
            try:
                image = read_image(path)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from None
        assert image is not None
        crops[row] = warp(image, matrices[row], size)
    return crops
