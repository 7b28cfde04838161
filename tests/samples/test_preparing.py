import json
import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import tiny
from posecache import files, samples, skeletons
from posecache.samples import pictures
from posecache.samples.settings import Expected
from posecache.stores.manifest import DIGEST, MANIFEST, signed


def test_columns_are_the_annotations(tmp_path: Path) -> None:
    folder = tiny.sample_folder(tmp_path)
    store = samples.open(folder)
    read = tiny.annotations(store.annotation_file)
    assert store.n == 10
    arrays = [name for name, value in vars(read).items() if isinstance(value, np.ndarray)]
    arrays.remove("image_size")
    assert list(store.layout.columns) == [*arrays, "picture"]
    for name in arrays:
        np.testing.assert_array_equal(store.column(name), getattr(read, name))
    assert store.image_path(3) == tmp_path / "data" / "2.jpg"


def test_crops_are_the_images_carried_by_the_stored_matrix(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path, crops=True))
    sizes, images = store.crop_sizes[3:9], store.crops(3, 9).images()
    assert (sizes.min() < 32, sizes.max()) == (True, 32)
    for row, size, image in zip(range(3, 9), sizes.tolist(), images, strict=True):
        matrix = store.column("crop_matrix")[row]
        exact = pictures.warp(pictures.read_image(store.image_path(row)), matrix, tuple(size))
        assert np.abs(image.astype(int) - exact).mean() < 4  # JPEG's error on noise


def test_the_same_annotations_give_the_same_store(tmp_path: Path) -> None:
    one = samples.open(tiny.sample_folder(tmp_path / "a", crops=True, threads=1))
    first = one.manifest["shards"]
    many = samples.open(tiny.sample_folder(tmp_path / "b", crops=True, threads=4))
    assert many.manifest["shards"] == first


def test_a_set_without_crops_says_so(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path))
    with pytest.raises(ValueError, match="stores no crops"):
        store.crops(0, 1)


def test_crops_of_another_format_are_refused(tmp_path: Path) -> None:
    """As they were stored before formats of crops had a number."""
    folder = tiny.sample_folder(tmp_path, crops=True)
    manifest = {k: v for k, v in samples.open(folder).manifest.items() if k != DIGEST}
    del manifest["identity"]["crops"]["format"]
    (folder / MANIFEST).write_text(signed(manifest))
    with pytest.raises(ValueError, match=r"samples: holds crops of format 1, expected 2: prepare"):
        samples.open(folder)


def test_what_is_lacking_for_a_later_job_is_told_before_it(tmp_path: Path) -> None:
    annotations = tiny.annotations(tiny.write_coco(tmp_path))
    samples.check(annotations, Expected(expect_rows=10, expect_head_sizes=True))
    with pytest.raises(ValueError, match=r"10 persons, but a model .* batches of 11, and `drop_"):
        samples.check(annotations, Expected(expect_rows=11))
    unknown = replace(annotations, head_size=np.where(np.arange(10) == 7, np.nan, 6.0))
    samples.check(unknown, Expected())
    with pytest.raises(ValueError, match=r"row 7, person 107: PCKh needs a head box"):
        samples.check(unknown, Expected(expect_head_sizes=True))


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
    with pytest.raises(ValueError, match=r"row 2, person 102: .*2.jpg: damaged picture"):
        samples.prepare(annotations, tmp_path / "s", crops=samples.Crops(size=32))


def test_a_refused_picture_leaves_what_stood(tmp_path: Path) -> None:
    folder = tiny.sample_folder(tmp_path, crops=True)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    annotations = tiny.annotations(samples.open(folder).annotation_file)
    (tmp_path / "data" / "4.jpg").unlink()
    with pytest.raises(ValueError, match="no such file"):
        samples.prepare(annotations, folder, crops=samples.Crops(size=16), cut=tiny.SMALL_CUT)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_a_changed_picture_is_noticed(tmp_path: Path) -> None:
    folder = tiny.sample_folder(tmp_path, crops=True)
    before = samples.open(folder)
    people, image = before.people.digest, before.image_path(3)
    (old,) = before.crops(3, 4).images()
    cv2.imwrite(str(image), pictures.read_image(image)[::-1])
    annotations = tiny.annotations(before.annotation_file)
    samples.prepare(annotations, folder, crops=tiny.CROPS, cut=tiny.SMALL_CUT)
    after = samples.open(folder)
    assert after.fingerprint != before.fingerprint
    assert after.people.digest != people
    assert (after.crops(3, 4).images()[0] != old).any()


def test_another_place_is_the_same_content(tmp_path: Path) -> None:
    one = samples.open(tiny.sample_folder(tmp_path / "a", crops=True))
    other = samples.open(tiny.sample_folder(tmp_path / "b", crops=True))
    assert one.identity == other.identity
    assert one.fingerprint == other.fingerprint


def test_other_crops_change_nothing_that_a_model_sees(tmp_path: Path) -> None:
    one = samples.open(tiny.sample_folder(tmp_path / "a", crops=True))
    path = tiny.write_coco(tmp_path / "b")
    crops = samples.Crops(size=16, quality=50)
    samples.prepare(tiny.annotations(path), tmp_path / "c", crops=crops, cut=tiny.SMALL_CUT)
    other = samples.open(tmp_path / "c")
    assert other.people.digest == one.people.digest
    assert other.fingerprint != one.fingerprint


def test_a_moved_data_folder_keeps_every_shard(tmp_path: Path) -> None:
    folder = tiny.sample_folder(tmp_path, crops=True)
    shard = folder / "arrays.zarr" / "box" / "c" / "0" / "0"
    written, before = shard.stat().st_mtime_ns, samples.open(folder)
    (tmp_path / "data").rename(tmp_path / "moved")
    annotations = tiny.annotations(tmp_path / "moved" / "annotations.json")
    samples.prepare(annotations, folder, crops=tiny.CROPS, cut=tiny.SMALL_CUT)
    after = samples.open(folder)
    assert after.fingerprint == before.fingerprint
    assert after.image_path(3) == tmp_path / "moved" / "2.jpg"
    assert shard.stat().st_mtime_ns == written


def test_a_set_without_labels_has_the_same_crops_and_is_another_set(tmp_path: Path) -> None:
    one = samples.open(tiny.sample_folder(tmp_path / "a", crops=True))
    other = samples.open(tiny.unlabelled_folder(tmp_path / "b", seed=2))
    np.testing.assert_array_equal(one.crops(0, 10).pixels, other.crops(0, 10).pixels)
    np.testing.assert_array_equal(one.column("box"), other.column("box"))
    assert one.labels != other.labels  # recorded augmentations may know of keypoints
    assert one.fingerprint != other.fingerprint
    assert other.changed_pictures() == []


def test_a_lowest_score_is_part_of_what_a_set_is(tmp_path: Path) -> None:
    path, boxes = tiny.write_coco(tmp_path / "data"), tmp_path / "boxes.json"
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 20, 30], "score": 0.5}
    boxes.write_text(json.dumps([row]))
    for least in (None, 0.25):
        found = tiny.annotations(path, boxes=boxes, min_box_score=least)
        samples.prepare(found, tmp_path / f"{least}", cut=tiny.SMALL_CUT)
    one, other = (samples.open(tmp_path / name) for name in ("None", "0.25"))
    assert one.identity != other.identity
    digest = files.sha256(boxes)[:12]
    assert one.boxes == f"boxes.json (sha256 {digest})"
    assert other.boxes == f"boxes.json (sha256 {digest}, scores from 0.25)"


def test_detections_alone_know_no_size_of_a_picture(tmp_path: Path) -> None:
    tiny.write_coco(tmp_path / "data")
    row = {"image_id": 3, "category_id": 1, "bbox": [1, 2, 20, 30], "score": 0.5}
    path = tmp_path / "found.json"
    how = {"images": tmp_path / "data", "format": "detections", "skeleton": "none"}
    path.write_text(json.dumps([row, row | {"bbox": [60, 2, 20, 30]}]))
    samples.prepare(tiny.annotations(path, **how), tmp_path / "s", crops=tiny.CROPS)
    store = samples.open(tmp_path / "s")
    assert (store.n, store.image_path(1).name) == (2, "3.jpg")
    assert store.boxes == f"found.json (sha256 {files.sha256(path)[:12]})"
    path.write_text(json.dumps([row, row | {"bbox": [64, 2, 20, 30]}]))
    with pytest.raises(ValueError, match=r"found.json: row 1, person 1: .*3.jpg: 64 x 48 px, and"):
        samples.prepare(tiny.annotations(path, **how), tmp_path / "t")


def test_a_store_of_a_skeleton_that_was_edited_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text((skeletons.FOLDER / "coco17.yaml").read_text())
    path = tiny.write_coco(tmp_path / "data")
    samples.prepare(tiny.annotations(path, skeleton=str(own)), tmp_path / "s", cut=tiny.SMALL_CUT)
    samples.open(tmp_path / "s")
    own.write_text(own.read_text().replace("0.026", "0.03"))
    skeletons.load.cache_clear()
    with pytest.raises(ValueError, match=r"made with other sigmas than the skeleton"):
        samples.open(tmp_path / "s")


def test_labels_for_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    record = tiny.coco_record()
    record["images"][2] |= {"width": 128, "height": 96}
    path = tiny.write_coco(tmp_path / "data", record)
    expected = r"row 4, person 104: .*3\.jpg: 64 x 48 px, but the annotations say 128 x 96 px"
    with pytest.raises(ValueError, match=expected):
        samples.prepare(tiny.annotations(path), tmp_path / "s", cut=tiny.SMALL_CUT)


def test_a_picture_that_its_camera_turned_has_the_size_that_is_seen(tmp_path: Path) -> None:
    """EXIF's orientation 6: OpenCV, like MMPose, turns the picture by a quarter."""
    record = tiny.coco_record()
    record["images"][0] |= {"width": 48, "height": 64}
    path = tiny.write_coco(tmp_path / "data", record)
    first = tmp_path / "data" / "1.jpg"
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0" + tiff + struct.pack(">I", 0)
    data = first.read_bytes()
    first.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    assert pictures.read_image(first).shape == (64, 48, 3)
    samples.prepare(tiny.annotations(path), tmp_path / "s", cut=tiny.SMALL_CUT)
    assert samples.open(tmp_path / "s").n == 10


def test_a_box_outside_a_picture_of_unknown_size_is_refused(tmp_path: Path) -> None:
    annotations = tiny.annotations(tiny.write_coco(tmp_path / "data"))
    box = annotations.box.copy()
    box[5, 0] = 70
    moved = replace(annotations, box=box, image_size=None)
    with pytest.raises(ValueError, match=r"row 5.*3\.jpg: 64 x 48 px, and the box .*outside"):
        samples.prepare(moved, tmp_path / "s", cut=tiny.SMALL_CUT)
