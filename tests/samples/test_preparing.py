from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import geometry, samples
from posecache.samples import pictures


def test_columns_are_the_annotations(tmp_path: Path) -> None:
    folder = tiny.sample_folder(tmp_path)
    store = samples.open(folder)
    read = tiny.annotations(store.annotation_file)
    assert store.n == 10
    arrays = [name for name, value in vars(read).items() if isinstance(value, np.ndarray)]
    assert list(store.layout.columns) == arrays
    for name in arrays:
        np.testing.assert_array_equal(store.column(name), getattr(read, name))
    assert store.image_path(3) == tmp_path / "data" / "2.jpg"


def test_crops_are_the_images_carried_by_the_stored_matrix(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path, crops=True))
    images = store.crops(3, 9)
    assert images.shape == (6, 32, 32, 3)
    for row in (3, 8):
        matrix = store.column("crop_matrix")[row]
        exact = pictures.warp(pictures.read_image(store.image_path(row)), matrix, (32, 32))
        assert np.abs(images[row - 3].astype(int) - exact).mean() < 8  # JPEG's error on noise
        expected = geometry.box_matrices(store.column("box")[row : row + 1], (32, 32), 1.25 * 1.5)
        np.testing.assert_allclose(matrix, expected[0])


def test_the_same_annotations_give_the_same_store(tmp_path: Path) -> None:
    one = samples.open(tiny.sample_folder(tmp_path / "a", crops=True, threads=1))
    first = one.manifest["shards"]
    many = samples.open(tiny.sample_folder(tmp_path / "b", crops=True, threads=4))
    assert many.manifest["shards"] == first


def test_a_set_without_crops_says_so(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path))
    with pytest.raises(ValueError, match="stores no crops"):
        store.crops(0, 1)


@pytest.mark.parametrize("with_crops", [True, False])
def test_a_missing_image_is_named_and_nothing_is_sealed(tmp_path: Path, with_crops: bool) -> None:
    path = tiny.write_coco(tmp_path / "data")
    (tmp_path / "data" / "4.jpg").unlink()
    annotations = tiny.annotations(path)
    crops = samples.Crops(size=32) if with_crops else None
    with pytest.raises(ValueError, match=r"annotations.json: row 6, person 106: .*4.jpg: no such"):
        samples.prepare(annotations, tmp_path / "s", crops=crops, cut=tiny.SMALL_CUT)
    with pytest.raises(ValueError, match="not sealed"):
        samples.open(tmp_path / "s")


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path / "data")
    image = tmp_path / "data" / "2.jpg"
    image.write_bytes(image.read_bytes()[:-50])
    annotations = tiny.annotations(path)
    with pytest.raises(ValueError, match=r"row 2, person 102: .*2.jpg: truncated image"):
        samples.prepare(annotations, tmp_path / "s", crops=samples.Crops(size=32))


def test_after_the_image_is_mended_the_finished_shards_stand(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path / "data")
    image = tmp_path / "data" / "4.jpg"
    content = image.read_bytes()
    image.unlink()
    annotations, folder = tiny.annotations(path), tmp_path / "samples"
    with pytest.raises(ValueError, match="no such image"):
        samples.prepare(annotations, folder, crops=tiny.CROPS, cut=tiny.SMALL_CUT)
    first = folder / "arrays.zarr" / "box" / "c" / "0" / "0"
    written = first.stat().st_mtime_ns
    image.write_bytes(content)
    samples.prepare(annotations, folder, crops=tiny.CROPS, cut=tiny.SMALL_CUT)
    assert first.stat().st_mtime_ns == written
    assert samples.open(folder).n == 10
