"""Upright crops are those that caching cuts, and are cut once."""

from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import geometry, samples
from posecache.samples.pictures import crop_rows
from posecache.samples.upright import UprightCrops

SIZE, PADDING = (24, 32), 1.5  # width, height px


def joined(crops: UprightCrops, size: int) -> tuple[np.ndarray, np.ndarray]:
    """All crops (N, H, W, 3) and matrices (N, 2, 3)."""
    images, matrices = zip(*crops.batches(size), strict=True)
    assert [len(part) for part in images] == [size] * (10 // size) + [10 % size] * (10 % size > 0)
    return np.concatenate(images), np.concatenate(matrices)


def test_crops_are_cut_once(tmp_path: Path) -> None:
    """The second time no picture is needed, and the folder holds nothing that has a name."""
    store, own = samples.open(tiny.sample_folder(tmp_path / "own")), tmp_path / "crops"
    matrix = geometry.box_matrices(store.column("box"), SIZE, PADDING).numpy()
    expected = crop_rows([store.picture(row) for row in range(store.n)], matrix, SIZE)
    crops = UprightCrops(store, SIZE, PADDING, own, threads=2)
    for size in (4, 3, 10):
        images, matrices = joined(crops, size)
        assert np.array_equal(images, expected)
        assert np.array_equal(matrices, matrix)
        for path in (tmp_path / "own" / "data").glob("*.jpg"):
            path.unlink()
    assert list(own.iterdir()) == []


def test_crops_that_were_left_in_the_middle_are_cut_anew(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path))
    crops = UprightCrops(store, SIZE, PADDING, tmp_path)
    begun = crops.batches(3)
    first, _ = next(begun)
    begun.close()
    images, _ = joined(crops, 5)
    assert np.array_equal(images[:3], first)


def test_a_picture_that_is_gone_is_told_at_once(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path))
    (tmp_path / "data" / "2.jpg").unlink()
    with pytest.raises(ValueError, match=r"row 2, person 102: \S+2.jpg: no such file"):
        UprightCrops(store, SIZE, PADDING, tmp_path)
