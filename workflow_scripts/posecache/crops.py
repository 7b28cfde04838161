"""From image files to crops, images decoded once for all persons in them, ahead of their use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

# Parallelism comes from our own threads, one an image.
cv2.setNumThreads(1)

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_image(path: Path) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB; ValueError names one that is missing or broken."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such image") from None
    # OpenCV fills the lost part of a truncated JPEG with grey and only warns. Some cameras put
    # bytes behind the end mark, hence a search and not a look at the last two bytes.
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

    `paths` one a row, rows of one image adjacent; `matrices` (B, 2, 3) image px to crop px;
    `places` name each row in error messages.
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


def ranges(start: int, stop: int, size: int) -> Iterator[range]:
    """Consecutive ranges of at most `size` rows."""
    return (range(a, min(a + size, stop)) for a in range(start, stop, size))


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Iterator[Result]:
    """`function` of each item, in order, computed by threads a few items ahead of their use."""
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
