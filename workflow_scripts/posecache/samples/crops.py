"""Cutting the enlarged crop around each person of a training set. Shapes: S crop px."""

from dataclasses import dataclass

import cv2
import numpy as np

from posecache import geometry
from posecache.contract import PADDING
from posecache.datasets.records import Annotations
from posecache.samples.pictures import Picture, crop_rows
from posecache.samples.settings import Crops
from posecache.threads import ahead, ranges


@dataclass(frozen=True)
class CropCutter:
    """Cuts the crops of an annotation file's persons, some rows at a time, in threads."""

    annotations: Annotations
    digests: np.ndarray  # (M, 16) uint8, of the image files
    crops: Crops
    rows_a_batch: int
    threads: int

    def cut(self, start: int, stop: int) -> tuple[np.ndarray, list[bytes]]:
        """Matrices (B, 2, 3), image px to crop px, and JPEG crops of rows start ... stop - 1.

        Raises ValueError naming the person for an image that is missing or broken.
        """
        boxes = self.annotations.box[start:stop]
        side = self.crops.size
        matrices = geometry.box_matrices(boxes, (side, side), PADDING * self.crops.context).numpy()

        def encode(rows: range) -> list[bytes]:
            return self._encode(rows, matrices[rows.start - start : rows.stop - start])

        batches = ranges(start, stop, self.rows_a_batch)
        parts = ahead(encode, batches, threads=self.threads)
        return matrices, [jpeg for part in parts for jpeg in part]

    def _encode(self, rows: range, matrices: np.ndarray) -> list[bytes]:
        images = crop_rows(
            [self._picture(row) for row in rows], matrices, (self.crops.size, self.crops.size)
        )
        return [_jpeg(image, self.crops.quality) for image in images]

    def _picture(self, row: int) -> Picture:
        digest = self.digests[self.annotations.image_index[row]].tobytes()
        return Picture(self.annotations.image_path(row), self.annotations.place(row), digest)


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    """A crop (S, S, 3) RGB as a JPEG file without colour subsampling loss beyond the format's."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done
    return data.tobytes()
