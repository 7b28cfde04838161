from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posecache.samples.flat_crops import FlatCrops
from posecache.training.batch import Batch, CachedViews, Pool


def batch(rows: int, seed: int = 0) -> Batch:
    """Random samples of 4 keypoints, seen by two teachers of different keypoints, bins, views."""
    rng = np.random.default_rng(seed)

    def views(count: int, keypoints: int, bins: int, dtype: type) -> CachedViews:
        return CachedViews(
            x=rng.normal(size=(rows, count, keypoints, bins)).astype(dtype),
            y=rng.normal(size=(rows, count, keypoints, 2 * bins)).astype(dtype),
            matrix=rng.normal(size=(rows, count, 2, 3)),
        )

    return Batch(
        crops=FlatCrops.of(
            [
                rng.integers(0, 256, (*sides, 3), dtype=np.uint8)
                for sides in rng.integers(1, 5, (rows, 2))
            ]
        ),
        crop_matrix=rng.normal(size=(rows, 2, 3)),
        box=rng.normal(size=(rows, 4)).astype(np.float32),
        keypoints=rng.normal(size=(rows, 4, 2)).astype(np.float32),
        teachers={"one": views(1, 3, 6, np.float16), "two": views(2, 4, 7, np.float32)},
    )


def assert_equal(found: Batch, images: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> None:
    for image, expected in zip(found.crops.images(), images, strict=True):
        np.testing.assert_array_equal(image, expected)
    for mine, expected in zip(found.arrays, arrays, strict=True):
        assert mine.dtype == expected.dtype
        np.testing.assert_array_equal(mine, expected)


def test_arrays_are_a_batchs_own_and_then_each_teachers() -> None:
    found = batch(3)
    one, two = found.teachers["one"], found.teachers["two"]
    own = [found.crop_matrix, found.box, found.keypoints]
    expected = [*own, one.x, one.y, one.matrix, two.x, two.y, two.matrix]
    assert [id(array) for array in found.arrays] == [id(array) for array in expected]


def test_with_arrays_takes_them_in_the_order_of_arrays() -> None:
    old, new = batch(3), batch(2, seed=1)
    found = old.with_arrays(new.crops, new.arrays)
    assert len(found) == 2
    assert list(found.teachers) == ["one", "two"]
    assert_equal(found, new.crops.images(), new.arrays)
    np.testing.assert_array_equal(found.teachers["two"].x, new.teachers["two"].x)


def test_nbytes_are_those_of_the_crops_and_all_arrays() -> None:
    own = 3 * 8 + 6 * 8 + 4 * 4 + 4 * 2 * 4  # 3 * 8: a crop's place and size
    one = 1 * 3 * (6 + 12) * 2 + 1 * 6 * 8
    two = 2 * 4 * (7 + 14) * 4 + 2 * 6 * 8
    found = batch(3)
    crops = sum(image.nbytes for image in found.crops.images())
    assert found.nbytes == 3 * (own + one + two) + crops


@given(
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any),
    chosen=st.lists(st.integers(0, 99), max_size=9),
)
def test_a_pool_takes_what_numpy_takes_from_the_joined_batches(
    lengths: list[int], chosen: list[int]
) -> None:
    parts = [batch(length, seed) for seed, length in enumerate(lengths)]
    rows = np.array(chosen, dtype=np.int64) % sum(lengths)
    pool = Pool(parts)
    assert len(pool) == sum(lengths)
    joined = [np.concatenate(same) for same in zip(*(p.arrays for p in parts), strict=True)]
    images = [image for part in parts for image in part.crops.images()]
    assert_equal(pool.take(rows), [images[row] for row in rows], [array[rows] for array in joined])
