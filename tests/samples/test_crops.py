from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import geometry
from posecache.contract import PADDING
from posecache.samples import Crops, pictures
from posecache.samples.crops import CropCutter
from posecache.samples.preparing import look_at


def cutter(folder: Path, crops: Crops = tiny.CROPS, threads: int = 1) -> CropCutter:
    annotations = tiny.annotations(tiny.write_coco(folder))
    digests = look_at(annotations, threads)
    return CropCutter(annotations, digests, crops, rows_a_batch=2, threads=threads)


def test_a_crop_is_its_persons_box_padded_and_with_more_around(tmp_path: Path) -> None:
    cut = cutter(tmp_path, Crops(size=48, context=2.0, quality=100))
    matrices, jpegs = cut.cut(1, 4)
    boxes = cut.annotations.box[1:4]
    np.testing.assert_array_equal(matrices, geometry.box_matrices(boxes, (48, 48), PADDING * 2))
    for row, (matrix, jpeg) in enumerate(zip(matrices, jpegs, strict=True), start=1):
        image = pictures.read_image(cut.annotations.image_path(row))
        exact = pictures.warp(image, matrix, (48, 48))
        assert np.abs(pictures.decode(jpeg).astype(int) - exact).mean() < 4


def test_neither_threads_nor_where_a_range_begins_change_a_crop(tmp_path: Path) -> None:
    matrices, jpegs = cutter(tmp_path).cut(0, 10)
    few_matrices, few_jpegs = cutter(tmp_path, threads=3).cut(3, 8)
    np.testing.assert_array_equal(few_matrices, matrices[3:8])
    assert few_jpegs == jpegs[3:8]


def test_a_broken_image_is_named_with_its_person(tmp_path: Path) -> None:
    cut = cutter(tmp_path, threads=2)
    (tmp_path / "4.jpg").write_bytes(b"no picture")
    assert len(cut.cut(0, 6)[1]) == 6
    with pytest.raises(ValueError, match=r"row 6, person 106: .*4\.jpg: is not the picture any"):
        cut.cut(0, 10)
