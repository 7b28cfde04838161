"""What a student sees of stored crops, against the same views of the pictures themselves."""

from pathlib import Path

import numpy as np
import torch

import tiny
from posecache import samples, skeletons
from posecache.config import load
from posecache.datasets import Annotations
from posecache.datasets.demo.files import write
from posecache.datasets.demo.settings import DemoSet
from posecache.samples import Augmentation, Crops, pictures
from posecache.samples.augmentation import draw_matrices
from posecache.training import cpu_pixels

ROOT = Path(__file__).parents[2]
VIEWS, LEVELS = 8, 2.0


def difference(
    folder: Path, people: Annotations, crops: Crops, how: Augmentation, size: tuple[int, int]
) -> float:
    """Mean grey levels where views show the picture."""
    samples.prepare(people, folder, crops=crops)
    store, rng, found = samples.open(folder), np.random.default_rng(0), []
    stored, cut = store.crops(0, store.n), torch.from_numpy(store.column("crop_matrix"))
    images = [pictures.read_image(store.image_path(row)) for row in range(store.n)]
    boxes, points = (torch.from_numpy(a).double() for a in (store.column("box"), store.keypoints))
    for _ in range(VIEWS):
        skeleton = skeletons.load(store.skeleton)
        matrices = draw_matrices(boxes, points, skeleton, how, 1.25, size, rng)
        seen = cpu_pixels.warp(stored, cut, matrices, size).permute(0, 2, 3, 1).numpy()
        for view, image, matrix in zip(seen, images, matrices.numpy(), strict=True):
            direct = pictures.warp(image, matrix, size)
            shown = direct.any(-1) & view.any(-1)
            found.append(np.abs(view - direct)[shown].mean())
    return float(np.mean(found))


def test_the_demos_crops_show_its_students_the_pictures(tmp_path: Path) -> None:
    demo = load(ROOT / "config.yaml")
    crops, recipe = demo.samples["coco-train"].crops, demo.recipe("unified-t")
    assert crops is not None
    write(tmp_path, DemoSet(dataset="coco", split="train", images=12, seed=1))
    people = tiny.annotations(
        tmp_path / "annotations" / "person_keypoints_train.json", tmp_path / "train"
    )
    how = recipe.augmentation, recipe.input_size
    assert difference(tmp_path / "demo", people, crops, *how) <= LEVELS
    small = crops.model_copy(update={"size": 144})
    assert difference(tmp_path / "small", people, small, *how) > LEVELS


def test_crops_by_default_show_real_pictures_to_a_network_of_192_by_256_px(
    tmp_path: Path, shared: Path
) -> None:
    data, found = shared / "data", []
    for name, skeleton in (("coco", "coco17"), ("mpii", "mpii16")):
        folder = data / name
        people = tiny.annotations(folder / f"test_{name}.json", folder, skeleton, name)
        given = Crops(), Augmentation(), (192, 256)
        found += [difference(tmp_path / name, people, *given)] * len(people.box)
    assert np.mean(found) <= LEVELS
