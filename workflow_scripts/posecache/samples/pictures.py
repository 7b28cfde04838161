"""From image files to crops; an image is decoded once for all persons in it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from posecache import decoding

# Parallelism comes from our own threads, one per image.
cv2.setNumThreads(1)

DIGEST_BYTES = 16
LONGEST = 32767  # px; OpenCV warps no longer sides
CHANGED = "is not the picture any more that the samples were prepared from"
JPEG_START = b"\xff\xd8\xff"

Size = tuple[int, int]  # width, height in px


@dataclass(frozen=True)
class Picture:
    """The image file of a person, and how error messages name the person."""

    path: Path
    place: str
    digest: bytes  # of the file that the samples were prepared from


def read_image(path: Path, expected: bytes | None = None) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB.

    ValueError names one that is missing or broken, or whose digest is not the expected one.
    """
    data = decoding.read_bytes(path) if expected is None else recognised(path, expected)
    try:
        return decode(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_whole(path: Path) -> np.ndarray:
    """An image file as (H, W, 3) uint8 RGB; ValueError for what `inspect` refuses."""
    data = decoding.read_bytes(path)
    try:
        if data.startswith(JPEG_START):
            _parse_jpeg(data)
        image = decode(data)
        _check_sides(*image.shape[1::-1])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return image


def recognised(path: Path, expected: bytes) -> bytes:
    """A file's content; ValueError if it is missing or its digest is not the expected one."""
    data = decoding.read_bytes(path)
    if _digest(data) != expected:
        raise ValueError(f"{path}: {CHANGED}")
    return data


def inspect(path: Path) -> tuple[bytes, Size]:
    """An image file's digest and the size that its header tells; reads it to its end.

    Raises ValueError naming a file that is missing or no image, and a JPEG that is damaged where
    OpenCV would fill in grey or garbage without a word.
    """
    data = decoding.read_bytes(path)
    try:
        return _digest(data), _checked_size(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def decode(data: bytes | memoryview) -> np.ndarray:
    """An encoded image as (H, W, 3) uint8 RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise ValueError("not an image, or a broken one")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def encode(image: np.ndarray, quality: int) -> bytes:
    """An image (H, W, 3) uint8 RGB as a JPEG file whose colours are as fine as its light.

    With the usual 4:2:0, colours of half the px cost the views of a crop a grey level.
    """
    jpeg = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=quality, colorspace="RGB", colorsubsampling="444"
    )
    return bytes(jpeg)


def decode_into(data: memoryview, image: np.ndarray) -> None:
    """Decode what `encode` wrote into an array (H, W, 3) of its size."""
    simplejpeg.decode_jpeg(data, "RGB", buffer=image)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


def _checked_size(data: bytes) -> Size:
    if data.startswith(JPEG_START):
        width, height = _parse_jpeg(data)
    else:
        height, width = decode(data).shape[:2]
    _check_sides(width, height)
    return width, height


def _parse_jpeg(data: bytes) -> Size:
    """A JPEG's size as its header tells it; ValueError if it is damaged."""
    try:
        # At an eighth of its size, all of it is still parsed.
        simplejpeg.decode_jpeg(data, "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=8)
        height, width = simplejpeg.decode_jpeg_header(data)[:2]
    except ValueError as error:
        raise ValueError(f"damaged picture ({error})") from None
    return width, height


def _check_sides(width: int, height: int) -> None:
    if max(height, width) > LONGEST:
        raise ValueError(f"{width} x {height} px, expected at most {LONGEST} px a side")


def warp(image: np.ndarray, matrix: np.ndarray, size: Size) -> np.ndarray:
    """The crop (height, width, 3) uint8 to which `matrix` (2, 3) carries an image; black outside.

    Source: MMPose datasets/transforms/topdown_transforms.py (OpenCV warpAffine, bilinear).
    """
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)


def opened(
    pictures: Iterable[Picture], held: dict[Path, np.ndarray] | None = None
) -> Iterator[np.ndarray]:
    """The image (H, W, 3) uint8 RGB of each person, decoded once where persons of one are adjacent.

    Only one image is held at a time, unless they are to be kept in `held` for further calls.
    """
    kept: dict[Path, np.ndarray] = {} if held is None else held
    for picture in pictures:
        if picture.path not in kept:
            if held is None:
                kept.clear()
            try:
                kept[picture.path] = read_image(picture.path, picture.digest)
            except ValueError as error:
                raise ValueError(f"{picture.place}: {error}") from None
        yield kept[picture.path]


def crop_rows(
    pictures: Sequence[Picture],
    matrices: np.ndarray,
    size: Size,
    held: dict[Path, np.ndarray] | None = None,
) -> np.ndarray:
    """Crops (B, height, width, 3) uint8 RGB of B persons; see `opened`.

    `matrices` (B, 2, 3) map image px to crop px.
    """
    crops = np.empty((len(pictures), size[1], size[0], 3), np.uint8)
    for row, image in enumerate(opened(pictures, held)):
        crops[row] = warp(image, matrices[row], size)
    return crops
