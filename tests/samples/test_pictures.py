from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from posecache.samples import pictures
from posecache.samples.pictures import Picture


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


END = b"\xff\xd9"
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "header": lambda data: data[:100],
    "half": lambda data: data[: len(data) // 2],
    "no end mark": lambda data: data[:-2],
    "cut and closed": lambda data: data[: len(data) * 3 // 4] + END,
    "zeros inside": lambda data: data[: len(data) // 2] + bytes(20) + data[len(data) // 2 + 20 :],
    "a gap inside": lambda data: data[: len(data) // 2] + data[len(data) // 2 + 20 :],
    "no picture": lambda data: b"<html>404</html>",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_image_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    picture(tmp_path / "a.jpg")
    assert pictures.inspect(tmp_path / "a.jpg")[1] == (64, 48)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(damage(data))
    with pytest.raises(ValueError, match=r"a\.jpg: (damaged picture|not an image)"):
        pictures.inspect(tmp_path / "a.jpg")


def test_other_formats_are_read_too(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    assert pictures.inspect(tmp_path / "a.png")[1] == (64, 48)
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"a\.png: not an image, or a broken one"):
        pictures.inspect(tmp_path / "a.png")


def test_a_picture_too_wide_to_be_warped_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((4, 32768, 3), np.uint8))
    with pytest.raises(ValueError, match=r"a\.jpg: 32768 x 4 px, expected at most 32767"):
        pictures.inspect(tmp_path / "a.jpg")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    for read in (pictures.read_image, pictures.inspect):
        with pytest.raises(ValueError, match=r"b\.jpg: no such file"):
            read(tmp_path / "b.jpg")


def test_another_picture_of_the_same_name_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    digest, _ = pictures.inspect(tmp_path / "a.jpg")
    pictures.read_image(tmp_path / "a.jpg", digest)
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=r"a\.jpg: is not the picture any more"):
        pictures.read_image(tmp_path / "a.jpg", digest)


def test_warp_equals_mmpose(shared: Path) -> None:
    ops = np.load(shared / "parity" / "ops.npz")
    ours = pictures.warp(ops["warp_img"], ops["warp_matrix"], (192, 256))
    assert np.abs(ours.astype(int) - ops["warp_out"]).max() <= 2


def test_crop_rows_are_the_warps_of_each_row(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.jpg", "a.jpg", "b.jpg")]
    for path in set(paths):
        picture(path)
    matrices = np.array([[[1.0, 0, -x], [0, 1.0, 0]] for x in (0, 10, 20)])
    rows = [Picture(path, "a row", pictures.inspect(path)[0]) for path in paths]
    found = pictures.crop_rows(rows, matrices, (8, 16))
    image = pictures.read_image(paths[0])
    for row, x in enumerate((0, 10, 20)):
        np.testing.assert_array_equal(found[row], image[:16, x : x + 8])
