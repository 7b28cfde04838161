from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

import tiny
from posecache import datasets
from posecache.datasets.settings import AnnotationFiles


def test_a_format_of_your_own_is_a_place(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    own = tiny.annotations(path, format="posecache.datasets.coco:FORMAT")
    np.testing.assert_array_equal(own.box, tiny.annotations(path).box)


def test_the_list_of_images_says_who_is_read(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    (tmp_path / "list.txt").write_text("2.jpg\n5.jpg\n")
    given = AnnotationFiles(
        format="coco",
        annotations=str(path),
        images=str(tmp_path),
        skeleton="coco17",
        images_list=str(tmp_path / "list.txt"),
    )
    assert datasets.read(given.source()).image_paths == ["2.jpg", "5.jpg"]


def test_files_are_those_beside_the_annotations_and_the_images(tmp_path: Path) -> None:
    (tmp_path / "dog.yaml").write_text("keypoints: [tail]\nsigmas: [0.1]\nlinks: []\n")
    own = str(tmp_path / "dog.yaml")
    coco = {"format": "coco", "annotations": "a.json", "images": "i", "skeleton": f"coco17+{own}"}
    assert AnnotationFiles(**coco).files == [own]
    assert AnnotationFiles(**coco, boxes="b.json").files == ["b.json", own]
    mpii = {"format": "mpii", "annotations": "a.mat", "images": "i", "skeleton": "mpii16"}
    assert AnnotationFiles(**mpii, head_boxes="h.mat").files == ["h.mat"]
    with pytest.raises(ValidationError, match="`boxes` other than gt need the format coco"):
        AnnotationFiles(**mpii, boxes="b.json")
    with pytest.raises(ValidationError, match="`head_boxes` belong to the format mpii"):
        AnnotationFiles(**coco, head_boxes="h.mat")
