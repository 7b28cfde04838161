"""The sample store: one person instance a row. Shapes: N persons, K keypoints, S crop px."""

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from posecache import crops, datasets, files, geometry
from posecache.datasets.records import GROUND_TRUTH, Annotations, Source
from posecache.store import Column, Layout, Store
from posecache.store_writer import Writer

KIND = "samples"
JPEG = "crop_jpeg"
PADDING = 1.25  # of the box that `context` enlarges
COLUMNS = (
    "image_index", "image_id", "instance_id", "box", "keypoints", "visibility", "area",
    "head_size", "box_score",
)  # fmt: skip

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CropRecipe:
    """The enlarged, square crop of a training sample, from which every augmentation is cut."""

    size: int = 384  # px
    context: float = 1.5  # the crop's side over the padded box's longer side
    quality: int = 95  # JPEG


def prepare(
    annotations: Annotations,
    folder: Path,
    *,
    recipe: CropRecipe | None = None,
    chunk_rows: int = 64,
    shard_rows: int = 1024,
    threads: int = 1,
) -> None:
    """Write a sample store; with a `recipe` also the enlarged crop around each person.

    Raises ValueError naming the annotation file and the person for a box without area and for an
    image that is missing or broken; nothing is sealed then.
    """
    _check_boxes(annotations)
    layout = _layout(annotations, recipe, chunk_rows, shard_rows)
    writer = Writer(folder, layout, _identity(annotations, recipe), _about(annotations))
    with tqdm(total=layout.rows, unit="sample", mininterval=5) as bar:
        for shard in writer.missing:
            rows, before = range(*layout.span(shard)), time.perf_counter()
            columns, ragged = _shard(annotations, recipe, rows, chunk_rows, threads)
            seconds = time.perf_counter() - before
            writer.write(shard, columns, ragged, {"rows": len(rows), "seconds_cutting": seconds})
            bar.update(len(rows))
    writer.seal()


def _layout(
    annotations: Annotations, recipe: CropRecipe | None, chunk_rows: int, shard_rows: int
) -> Layout:
    arrays = {name: getattr(annotations, name) for name in COLUMNS}
    columns = {n: Column(shape=a.shape[1:], dtype=str(a.dtype)) for n, a in arrays.items()}
    if recipe is not None:
        columns["crop_matrix"] = Column(shape=(2, 3), dtype="float64")
    return Layout(
        kind=KIND,
        rows=len(annotations.box),
        columns=columns,
        ragged=(JPEG,) if recipe is not None else (),
        chunk_rows=chunk_rows,
        shard_rows=shard_rows,
    )


def _identity(annotations: Annotations, recipe: CropRecipe | None) -> dict[str, Any]:
    """What the samples depend on."""
    source = annotations.source
    return {
        "annotation_format": source.format,
        "files": [files.sha256(path) for path in source.files],
        "skeleton": source.skeleton,
        "image_paths": files.fingerprint(annotations.image_paths),
        "image_root": str(source.image_root),
        "crops": None if recipe is None else asdict(recipe),
    }


def _about(annotations: Annotations) -> dict[str, Any]:
    """What readers need to know of the annotations."""
    source = annotations.source
    return {
        "annotation_format": source.format,
        "skeleton": source.skeleton,
        "annotations": str(source.annotations),
        "boxes": _box_origin(source),
        "image_root": str(source.image_root),
        "image_paths": annotations.image_paths,
        "dropped": dict(annotations.dropped),
        "mended": dict(annotations.mended),
    }


def _shard(
    annotations: Annotations,
    recipe: CropRecipe | None,
    rows: range,
    chunk_rows: int,
    threads: int,
) -> tuple[dict[str, np.ndarray], dict[str, list[bytes]]]:
    """The columns of some rows, and their crops' JPEGs where a recipe asks for crops."""
    columns = {name: getattr(annotations, name)[rows.start : rows.stop] for name in COLUMNS}
    if recipe is None:
        _check_images(annotations, rows.start, rows.stop)
        return columns, {}
    columns["crop_matrix"], jpegs = _crops(
        annotations, recipe, rows.start, rows.stop, chunk_rows, threads
    )
    return columns, {JPEG: jpegs}


def _box_origin(source: Source) -> str:
    """`gt`, or the detector's file and its digest: what a table must not mix."""
    if source.boxes is None:
        return GROUND_TRUTH
    return f"{source.boxes.name} (sha256 {files.sha256(source.boxes)[:12]})"


def _check_boxes(annotations: Annotations) -> None:
    sides = annotations.box[:, 2:]
    wrong = np.flatnonzero(~(np.isfinite(annotations.box).all(1) & (sides > 0).all(1)))
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"{_place(annotations, row)}: box {annotations.box[row].tolist()} has no area"
        )


def _place(annotations: Annotations, row: int) -> str:
    file = annotations.source.boxes or annotations.source.annotations
    return f"{file}: row {row}, person {annotations.instance_id[row]}"


def _path(annotations: Annotations, row: int) -> Path:
    return annotations.source.image_root / annotations.image_paths[annotations.image_index[row]]


def _check_images(annotations: Annotations, start: int, stop: int) -> None:
    """That the images are there; they are decoded when a model runs over them."""
    _, first = np.unique(annotations.image_index[start:stop], return_index=True)
    for row in first + start:
        if not _path(annotations, row).is_file():
            raise ValueError(
                f"{_place(annotations, row)}: {_path(annotations, row)}: no such image"
            )


def _crops(
    annotations: Annotations,
    recipe: CropRecipe,
    start: int,
    stop: int,
    chunk_rows: int,
    threads: int,
) -> tuple[np.ndarray, list[bytes]]:
    """Matrices (rows, 2, 3), image px to crop px, and the JPEG of each crop."""
    size = (recipe.size, recipe.size)
    boxes = annotations.box[start:stop]
    matrices = geometry.box_matrices(boxes, size, PADDING * recipe.context).numpy()

    def encode(rows: range) -> list[bytes]:
        paths = [_path(annotations, row) for row in rows]
        places = [_place(annotations, row) for row in rows]
        part = matrices[rows.start - start : rows.stop - start]
        images = crops.crop_rows(paths, part, size, places)
        return [_jpeg(image, recipe.quality) for image in images]

    batches = crops.ranges(start, stop, chunk_rows)
    jpegs = [jpeg for batch in crops.ahead(encode, batches, threads=threads) for jpeg in batch]
    return matrices, jpegs


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    """A crop (S, S, 3) RGB as a JPEG file without colour subsampling loss beyond the format's."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done
    return data.tobytes()


class SampleStore(Store):
    """A sealed sample store; the small columns are read whole, the crops as they are needed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KIND)
        self.skeleton: str = self.manifest["skeleton"]
        self.annotation_file = Path(self.manifest["annotations"])
        self.boxes: str = self.manifest["boxes"]
        crops = self.identity["crops"]
        self.crop_size: int | None = None if crops is None else crops["size"]  # px

    def truth(self) -> dict[str, Any]:
        """The COCO record of this store's images; ValueError if the file is another one now."""
        if files.sha256(self.annotation_file) != self.identity["files"][0]:
            raise ValueError(
                f"{self.annotation_file}: is not the file any more that {self.folder} was made of"
            )
        source = Source(
            format=self.manifest["annotation_format"],
            annotations=self.annotation_file,
            image_root=Path(self.manifest["image_root"]),
            skeleton=self.skeleton,
            wanted=frozenset(self.manifest["image_paths"]),
        )
        return datasets.truth(source)

    def image_path(self, row: int) -> Path:
        """The image file of a row."""
        relative = self.manifest["image_paths"][self.column("image_index")[row]]
        return Path(self.manifest["image_root"]) / relative

    def place(self, row: int) -> str:
        """How error messages name a row."""
        person = self.column("instance_id")[row]
        return f"{self.annotation_file}: row {row}, person {person}"

    def crops(self, start: int, stop: int) -> np.ndarray:
        """Enlarged crops (B, S, S, 3) uint8 RGB of rows start ... stop - 1."""
        if self.crop_size is None:
            raise ValueError(f"{self.folder}: stores no crops to train from")
        return np.stack([crops.decode(data) for data in self.ragged(JPEG, start, stop)])


def open(folder: Path) -> SampleStore:
    """Open a sealed sample store; ValueError if it is missing, unsealed, foreign or damaged."""
    return SampleStore(folder)
