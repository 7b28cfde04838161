"""Bytes and files of what is to be made.

Of stores they follow from the arrays' shapes; what is compressed is guessed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posecache import skeletons
from posecache.config.stages import Job, Stages
from posecache.estimates.networks import BYTES_A_PARAMETER, network
from posecache.estimates.rows import RowCounts
from posecache.logits.layout import logit_layout
from posecache.models.settings import is_checkpoint
from posecache.stores.layout import Column, Layout

INDEX = 16  # bytes of a chunk's entry in a shard's index
CRC = 4  # bytes after each chunk, and after the index
# What is left of a packed byte: of codes (encodings.py), and of labels, matrices and names.
PACKED = {"int8": 0.7, "compact": 0.19}
PACKED_OTHERS = 0.55
JPEG_BYTES_A_PX = 0.16  # of the largest crop, at quality 95
# Manifest, its copy, the record, and each array's zarr.json.
MANIFESTS, A_SHARD, AN_ARRAY = 12_000, 2_500, 1_080
RECORDS = 2_000  # a score or a table, with its record
PICTURE = 27_000  # of the demo
ANNOTATED, RANKED, TILE = 1_000, 60, 13_000  # a person's annotation and rank; one on a sheet
PAGE = 4_000_000  # of the report
STATES = 5  # weights.pt, model.onnx, and a checkpoint with AdamW's two moments
PEOPLE = {
    "image": Column(shape=(32,), dtype="uint8", shuffle="noshuffle"),
    "picture": Column(shape=(16,), dtype="uint8"),
    "instance_id": Column(dtype="int64"),
    "box": Column(shape=(4,)),
}
SAMPLES = {
    "image_index": Column(dtype="int64"), "image_id": Column(dtype="int64"),
    "instance_id": Column(dtype="int64"), "box": Column(shape=(4,)), "area": Column(),
    "head_size": Column(), "box_score": Column(), "picture": Column(shape=(16,), dtype="uint8"),
}  # fmt: skip
CROPS = {"crop_matrix": Column(shape=(2, 3), dtype="float64"),
         "crop_size": Column(shape=(2,), dtype="int32")}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """What a thing takes on the disk."""

    bytes: float
    files: int


@dataclass(frozen=True)
class Sizes:
    """The sizes of an experiment's things; those of unknown sample sets count as empty."""

    stages: Stages
    rows: RowCounts

    def of(self, job: Job) -> Size:
        """The size of what a job will have made."""
        names, config = job.thing.names, self.stages.config
        match job.thing.kind:
            case "samples":
                layout = self.samples(*names)
                crops = config.samples[names[0]].crops
                jpeg = 0.0 if crops is None else JPEG_BYTES_A_PX * crops.size**2
                return _store(layout, 1.0, layout.num_rows * jpeg)
            case "logits":
                encoding = self.stages.things.caching(*names).encoding
                return _store(self.logits(*names), PACKED.get(encoding, 1.0))
            case "model":
                return self._model(*names)
            case "demo":
                images = config.rendered[names[0]].images
                return Size(images * PICTURE, images + 1)
            case "annotations":
                rows = self.rows.of(config.annotations[names[0]].samples)
                return Size(rows.count * ANNOTATED + RECORDS, 2)
            case "active_learning":
                tiles = config.active_learning[names[0]].sheet
                return Size(self.rows.of(*names).count * RANKED + tiles * TILE + RECORDS, 3)
            case "report":
                return Size(PAGE, 2)
        return Size(RECORDS, 3 if job.thing.kind == "table" else 2)

    def samples(self, name: str) -> Layout:
        """The layout of a sample store."""
        entry, columns = self.stages.config.samples[name], dict(SAMPLES)
        if entry.labelled:
            keypoints = skeletons.load(entry.skeleton).num_keypoints
            columns["keypoints"] = Column(shape=(keypoints, 2))
            columns["visibility"] = Column(shape=(keypoints,), dtype="uint8")
        return Layout(
            kind="samples",
            num_rows=self.rows.of(name).count,
            columns=columns if entry.crops is None else columns | CROPS,
            ragged=() if entry.crops is None else ("crop_jpeg",),
            **self.stages.things.cut(name).model_dump(),
        )

    def logits(self, model: str, samples: str) -> Layout:
        """The layout of a logit store."""
        config, settings = self.stages.config, self.stages.things.caching(model, samples)
        rows, size = self.rows.of(samples).count, config.input_size(model)
        refined = config.refined(model)
        return logit_layout(rows, config.skeleton(model), size, PEOPLE, settings, refined=refined)

    def _model(self, name: str) -> Size:
        config = self.stages.config
        weights = network(config, name).millions * 1e6 * BYTES_A_PARAMETER
        if name in config.trained:
            return Size(STATES * weights, 8)
        files = 5 if is_checkpoint(config.imported[name].weights) else 4
        return Size((files - 3) * weights, files)


def _store(layout: Layout, codes: float, ragged: float = 0.0) -> Size:
    """The size of a store, given what is left of a packed code, and the ragged columns' bytes."""
    arrays = sum(sum(_column(layout, name, codes)) for name in layout.arrays)
    described = MANIFESTS + A_SHARD * layout.shards + AN_ARRAY * (1 + len(layout.arrays))
    return Size(arrays + ragged + described, layout.files + 1)


def _column(layout: Layout, name: str, codes: float) -> Iterator[float]:
    """Bytes of each shard of an array."""
    column = layout.arrays[name]
    row = math.prod(column.shape) * np.dtype(column.dtype).itemsize
    left = codes if name in ("simcc_x", "simcc_y") else PACKED_OTHERS
    for shard in range(layout.shards):
        rows = layout.stored_rows(shard)
        index = INDEX * layout.shard_rows // layout.chunk_rows + CRC
        packed = row * rows if column.shuffle is None else row * rows * left
        yield packed + CRC * rows / layout.chunk_rows + index
