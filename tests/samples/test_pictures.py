from pathlib import Path

import cv2
import numpy as np
import pytest

from posecache.samples import pictures


def picture(path: Path) -> np.ndarray:
    """A red-to-blue gradient written as a JPEG; its RGB pixels."""
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[..., 0], rgb[..., 2] = ramp, ramp[::-1]
    cv2.imwrite(str(path), rgb[..., ::-1])
    return rgb


def test_images_are_rgb(tmp_path: Path) -> None:
    rgb = picture(tmp_path / "a.jpg")
    assert np.abs(pictures.read_image(tmp_path / "a.jpg").astype(int) - rgb).mean() < 4


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_a_truncated_image_is_refused(tmp_path: Path, keep: float) -> None:
    picture(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    end = int(len(data) * keep) if isinstance(keep, float) else keep
    (tmp_path / "a.jpg").write_bytes(data[:end])
    with pytest.raises(ValueError, match=r"a\.jpg: (truncated image|not an image)"):
        pictures.read_image(tmp_path / "a.jpg")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"b\.jpg: no such image"):
        pictures.read_image(tmp_path / "b.jpg")


def test_warp_equals_mmpose(shared: Path) -> None:
    ops = np.load(shared / "parity" / "ops.npz")
    ours = pictures.warp(ops["warp_img"], ops["warp_matrix"], (192, 256))
    assert np.abs(ours.astype(int) - ops["warp_out"]).max() <= 2


def test_crop_rows_are_the_warps_of_each_row(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.jpg", "a.jpg", "b.jpg")]
    for path in set(paths):
        picture(path)
    matrices = np.array([[[1.0, 0, -x], [0, 1.0, 0]] for x in (0, 10, 20)])
    found = pictures.crop_rows(paths, matrices, (8, 16), ["0", "1", "2"])
    image = pictures.read_image(paths[0])
    for row, x in enumerate((0, 10, 20)):
        np.testing.assert_array_equal(found[row], image[:16, x : x + 8])
