from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from posecache import geometry
from posecache.contract import PADDING
from posecache.samples import Crops, pictures
from posecache.samples.crops import CropCutter, clipped, frames
from posecache.samples.preparing import look_at

NOISE = np.random.default_rng(3).integers(1, 256, (48, 64, 3), dtype=np.uint8)  # 64 px wide


def cutter(folder: Path, threads: int = 1) -> CropCutter:
    annotations = tiny.annotations(tiny.write_coco(folder))
    digests = look_at(annotations, threads)
    return CropCutter(annotations, digests, tiny.CROPS, rows_a_batch=2, threads=threads)


def test_a_large_person_is_reduced_to_the_size() -> None:
    """Its crop, 2 * 1.25 * 40 px, is stored half as large; above and below the picture ends."""
    box = np.array([[30.0, 20.0, 40.0, 10.0]])
    (matrix,), (side,) = frames(box, Crops(size=50, context=2.0))
    np.testing.assert_allclose(matrix, [[0.5, 0, 0], [0, 0.5, 12.5]])
    np.testing.assert_allclose(matrix, geometry.box_matrices(box, (50, 50), PADDING * 2)[0])
    assert side == 50
    inside, size = clipped(matrix, side, NOISE)
    np.testing.assert_allclose(inside, [[0.5, 0, 0], [0, 0.5, -0.5]])
    assert size == (32, 24)


def test_a_small_person_keeps_the_pictures_own_px() -> None:
    """Its crop is 2 * 1.25 * 10 px around (32, 25), and so begins at (19.5, 12.5)."""
    (matrix,), (side,) = frames(np.array([[30.0, 20.0, 4.0, 10.0]]), Crops(size=50, context=2.0))
    inside, size = clipped(matrix, side, NOISE)
    np.testing.assert_array_equal(inside, [[1, 0, -19], [0, 1, -12]])
    assert size == (26, 26)
    np.testing.assert_array_equal(pictures.warp(NOISE, inside, size), NOISE[12:38, 19:45])


@given(
    low=st.tuples(st.floats(-90, 90), st.floats(-90, 90)),
    sides=st.tuples(st.floats(1, 80), st.floats(1, 80)),
    size=st.integers(8, 60),
)
def test_only_black_is_left_out(
    low: tuple[float, float], sides: tuple[float, float], size: int
) -> None:
    """Wherever the box lies, partly or all of it outside the picture."""
    (matrix,), (side,) = frames(np.array([[*low, *sides]]), Crops(size=size, context=1.5))
    assert side <= size
    whole = pictures.warp(NOISE, matrix, (int(side), int(side)))
    inside, (width, height) = clipped(matrix, side, NOISE)
    x, y = (matrix - inside)[:, 2].round().astype(int)
    again = np.zeros_like(whole)
    again[y : y + height, x : x + width] = pictures.warp(NOISE, inside, (width, height))
    assert np.abs(again.astype(int) - whole).max() <= 8  # places are rounded to 1/32 px


def test_colours_are_stored_as_finely_as_light() -> None:
    """Red and green in turn, which 4:2:0 would mix."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, ::2, 0], image[:, 1::2, 1] = 200, 150
    back = np.empty_like(image)
    pictures.decode_into(memoryview(pictures.encode(image, 95)), back)
    assert np.abs(back.astype(int) - image).max() < 12


def test_neither_threads_nor_where_a_range_begins_change_a_crop(tmp_path: Path) -> None:
    whole = cutter(tmp_path).cut(0, 10)
    few = cutter(tmp_path, threads=3).cut(3, 8)
    for all_rows, some in zip(whole, few, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(all_rows[3:8], some, strict=True))


def test_a_broken_image_is_named_with_its_person(tmp_path: Path) -> None:
    cut = cutter(tmp_path, threads=2)
    (tmp_path / "4.jpg").write_bytes(b"no picture")
    assert len(cut.cut(0, 6).jpegs) == 6
    with pytest.raises(ValueError, match=r"row 6, person 106: .*4\.jpg: is not the picture any"):
        cut.cut(0, 10)
