"""Making a sample store: one row per person instance. Shapes: N persons."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from posecache import files, skeletons
from posecache.datasets.records import GROUND_TRUTH, Annotations, Source, check_head_sizes
from posecache.progress import Bar
from posecache.samples.crops import CropCutter
from posecache.samples.pictures import DIGEST_BYTES, inspect, read_image
from posecache.samples.settings import Crops, Expected
from posecache.samples.store import JPEG, KIND, PICTURE
from posecache.stores.layout import Column, Layout
from posecache.stores.settings import Cut
from posecache.stores.writer import Writer
from posecache.threads import ahead

DEFAULT_CUT = Cut()
COLUMNS = (
    "image_index", "image_id", "instance_id", "box", "keypoints", "visibility", "area",
    "head_size", "box_score",
)  # fmt: skip
LABELS = ("keypoints", "visibility")  # of the columns


def check(annotations: Annotations, expected: Expected) -> None:
    """ValueError naming what a sample set lacks for what is going to be done with it."""
    file, found = annotations.source.annotations, len(annotations.box)
    if found < expected.expect_rows:
        raise ValueError(
            f"{file}: {found} persons, but a model is to be trained on batches of "
            f"{expected.expect_rows}, and `drop_last` leaves out what fills no batch"
        )
    if expected.expect_head_sizes:
        check_head_sizes(annotations.head_size, annotations.place)


def prepare(
    annotations: Annotations,
    folder: Path,
    *,
    crops: Crops | None = None,
    cut: Cut = DEFAULT_CUT,
    threads: int = 1,
) -> None:
    """Write a sample store; with `crops` also the enlarged crop around each person.

    Raises ValueError naming the annotation file and the person for a box without area and for an
    image that is missing or broken; nothing is written then.
    """
    _check_boxes(annotations)
    digests = look_at(annotations, threads)
    layout = _layout(annotations, crops, cut)
    writer = Writer(folder, layout, _identity(annotations, digests, crops), _about(annotations))
    cutter = None
    if crops is not None:
        cutter = CropCutter(annotations, digests, crops, layout.chunk_rows, threads)
    with Bar(layout.num_rows, "sample") as bar:
        for shard in writer.missing:
            started, (start, stop) = time.perf_counter(), layout.span(shard)
            columns = {n: a[start:stop] for n, a in _arrays(annotations).items()}
            columns[PICTURE] = digests[annotations.image_index[start:stop]]
            ragged = {}
            if cutter is not None:
                cropped = cutter.cut(start, stop)
                columns["crop_matrix"] = np.array(cropped.matrices)
                columns["crop_size"], ragged[JPEG] = np.array(cropped.sizes), cropped.jpegs
            seconds = time.perf_counter() - started
            runtime = {"num_rows": stop - start, "seconds_cutting": seconds}
            writer.write(shard, columns, ragged, runtime)
            bar.update(stop - start)
    writer.seal()


def _arrays(annotations: Annotations) -> dict[str, np.ndarray]:
    """The columns (N, ...) that are stored: those of labels only where there are any."""
    left_out = () if annotations.source.labelled else LABELS
    return {name: getattr(annotations, name) for name in COLUMNS if name not in left_out}


def _layout(annotations: Annotations, crops: Crops | None, cut: Cut) -> Layout:
    arrays = _arrays(annotations)
    columns = {n: Column(shape=a.shape[1:], dtype=str(a.dtype)) for n, a in arrays.items()}
    columns[PICTURE] = Column(shape=(DIGEST_BYTES,), dtype="uint8")
    if crops is not None:
        columns["crop_matrix"] = Column(shape=(2, 3), dtype="float64")
        columns["crop_size"] = Column(shape=(2,), dtype="int32")
    return Layout(
        kind=KIND,
        num_rows=len(annotations.box),
        columns=columns,
        ragged=(JPEG,) if crops is not None else (),
        **cut.model_dump(),
    )


def _identity(annotations: Annotations, digests: np.ndarray, crops: Crops | None) -> dict[str, Any]:
    """What the samples depend on: content, wherever it lies."""
    source = annotations.source
    return {
        "annotation_format": source.format,
        "files": [files.sha256(path) for path in source.files],
        "min_box_score": source.min_box_score,
        "skeleton": skeletons.load(source.skeleton).content,
        "image_paths": files.fingerprint(annotations.image_paths),
        "pictures": hashlib.sha256(digests.tobytes()).hexdigest(),
        "crops": None if crops is None else crops.identity,
    }


def _about(annotations: Annotations) -> dict[str, Any]:
    """What readers need to know about the annotations."""
    source = annotations.source
    return {
        "annotation_format": source.format,
        "skeleton": source.skeleton,
        "annotations": str(source.annotations),
        "boxes": _box_origin(source),
        "image_root": str(source.image_root),
        "image_paths": annotations.image_paths,
        "image_bytes": _image_bytes(annotations),
        "dropped": dict(annotations.dropped),
        "mended": dict(annotations.mended),
    }


def _image_bytes(annotations: Annotations) -> list[int]:
    """The sizes of the image files, 0 where nobody is in an image."""
    sizes = [0] * len(annotations.image_paths)
    for image, row in zip(*np.unique(annotations.image_index, return_index=True), strict=True):
        sizes[image] = annotations.image_path(row).stat().st_size
    return sizes


def _box_origin(source: Source) -> str:
    """`gt`, or the detector's file, its digest and the lowest score: what a table must not mix."""
    if source.detections is None:
        return GROUND_TRUTH
    least = "" if source.min_box_score is None else f", scores from {source.min_box_score:g}"
    return f"{source.detections.name} (sha256 {files.sha256(source.detections)[:12]}{least})"


def _check_boxes(annotations: Annotations) -> None:
    sides = annotations.box[:, 2:]
    wrong = np.flatnonzero(~(np.isfinite(annotations.box).all(1) & (sides > 0).all(1)))
    if len(wrong):
        row = int(wrong[0])
        box = annotations.box[row].tolist()
        raise ValueError(f"{annotations.place(row)}: box {box} has no area")


def look_at(annotations: Annotations, threads: int) -> np.ndarray:
    """Digests (M, 16) uint8 of the image files, zero where nobody is in an image.

    Every byte is read. Raises ValueError naming a person's image that is missing, damaged, or not
    of the size that the annotations say, and a box outside an image whose size they do not say.
    """
    digests = np.zeros((len(annotations.image_paths), DIGEST_BYTES), np.uint8)
    sizes = np.ones((len(annotations.image_paths), 2), np.int64)
    images, rows = np.unique(annotations.image_index, return_index=True)

    def look(row: int) -> tuple[bytes, tuple[int, int]]:
        try:
            return inspect(annotations.image_path(row))
        except ValueError as error:
            raise ValueError(f"{annotations.place(row)}: {error}") from None

    for image, found in zip(images, ahead(look, rows.tolist(), threads=threads), strict=True):
        digests[image], sizes[image] = np.frombuffer(found[0], np.uint8), found[1]
    if annotations.image_size is None:
        _check_inside(annotations, sizes)
    else:
        _check_sizes(annotations, sizes, annotations.image_size, rows)
    return digests


def _check_sizes(
    annotations: Annotations, sizes: np.ndarray, expected: np.ndarray, rows: np.ndarray
) -> None:
    """Check the images' sizes (M, 2); `rows` (R,) has a person of each image that has any."""
    images = annotations.image_index[rows]
    for row in rows[(sizes[images] != expected[images]).any(1)].tolist():
        path, wanted = annotations.image_path(row), expected[annotations.image_index[row]]
        # A camera's note of which side is up turns the picture, but not what its header says.
        height, width = read_image(path).shape[:2]
        if (width, height) != tuple(wanted):
            raise ValueError(
                f"{annotations.place(row)}: {path}: {width} x {height} px, but the annotations "
                f"say {wanted[0]} x {wanted[1]} px"
            )


def _check_inside(annotations: Annotations, sizes: np.ndarray) -> None:
    """Check that each box touches its image, whose sizes (M, 2) the annotations do not say."""
    box, size = annotations.box, sizes[annotations.image_index]
    outside = (box[:, :2] + box[:, 2:] <= 0) | (box[:, :2] >= size)
    for row in np.flatnonzero(outside.any(1)).tolist():
        path = annotations.image_path(row)
        height, width = read_image(path).shape[:2]
        if ((box[row, :2] >= (width, height)) | (box[row, :2] + box[row, 2:] <= 0)).any():
            raise ValueError(
                f"{annotations.place(row)}: {path}: {width} x {height} px, and the box "
                f"{box[row].tolist()} lies outside of it"
            )
