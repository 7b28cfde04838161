from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import tiny
from posecache import geometry, logits, skeletons
from posecache.logits import Views, views
from posecache.models.card import CARD_FILE, Card
from posecache.models.settings import Heatmap

BOXES = np.array([[10.0, 20, 40, 60], [5, 5, 30, 30]])
POINTS = np.full((2, 17, 2), np.nan)
SKELETON = skeletons.load("coco17")


def card(folder: Path) -> Card:
    return Card.load(tiny.model_folder(folder / "model") / CARD_FILE)


def drawn(how: Views, model: Card, shard: int = 0) -> np.ndarray:
    return views.matrices(how, model, BOXES, POINTS, SKELETON, shard)


def test_the_default_is_the_upright_crop(tmp_path: Path) -> None:
    found = drawn(Views(), card(tmp_path))
    assert found.shape == (2, 1, 2, 3)
    np.testing.assert_allclose(found[:, 0], geometry.box_matrices(BOXES, tiny.SIZE))


def test_with_udp_a_box_ends_at_the_middles_of_the_outer_px(tmp_path: Path) -> None:
    """A padded box of (10, 20) to (26, 52), at input px (0, 0) to (16, 32) and to (15, 31)."""
    box, model = np.array([[11.6, 23.2, 12.8, 25.6]]), card(tmp_path)
    corners = np.array([[10.0, 20.0], [26.0, 52.0]])
    for udp, end in ((False, (16, 32)), (True, (15, 31))):
        read = replace(model, heatmap=Heatmap(udp=udp))
        matrix = views.matrices(Views(), read, box, POINTS[:1], SKELETON, 0)[0, 0]
        np.testing.assert_allclose(geometry.apply(matrix, corners), [(0, 0), end], atol=1e-9)


def test_a_stretched_crop_is_stretched_in_every_view(tmp_path: Path) -> None:
    model = card(tmp_path)
    wide = replace(model, crop_size=(8, 32))
    plain = drawn(Views(rotations=(0, 20)), replace(model, input_size=(8, 32)))
    x, y, one = 15 / 7, 31 / 31, np.eye(2, 3)  # from 8 px to 16: the corner px's middles meet
    stretched = geometry.compose(np.diag([x, y]) @ one, plain)
    np.testing.assert_allclose(drawn(Views(rotations=(0, 20)), wide), stretched)


def test_rotations_turn_about_the_boxs_middle(tmp_path: Path) -> None:
    found = torch.from_numpy(drawn(Views(rotations=(0, 30, -90)), card(tmp_path)))
    middle = torch.from_numpy(BOXES[:, :2] + BOXES[:, 2:] / 2)
    places = geometry.apply(found, middle[:, None, None].expand(-1, 3, 1, 2))
    torch.testing.assert_close(places, torch.tensor([8.0, 16.0]).double().expand_as(places))
    between = geometry.compose(found[:, 1], geometry.invert(found[:, 0]))
    angle = torch.rad2deg(torch.atan2(between[:, 0, 1], between[:, 0, 0]))
    torch.testing.assert_close(angle, torch.full((2,), 30.0).double())


def test_each_padding_is_turned_by_each_rotation(tmp_path: Path) -> None:
    found = drawn(Views(paddings=(1.0, 2.0), rotations=(0, 30)), card(tmp_path))
    assert found.shape == (2, 4, 2, 3)
    for view, (padding, angle) in enumerate([(1.0, 0), (1.0, 30), (2.0, 0), (2.0, 30)]):
        expected = geometry.box_matrices(BOXES, tiny.SIZE, padding, angle)
        np.testing.assert_allclose(found[:, view], expected)
    own = replace(card(tmp_path), padding=1.6)
    np.testing.assert_allclose(drawn(Views(), own), drawn(Views(paddings=(1.6,)), own))


def test_recorded_augmentations_depend_on_seed_shard_and_view_alone(tmp_path: Path) -> None:
    model, how = card(tmp_path), Views(rotations=(), augmented=3, seed=5)
    found = drawn(how, model)
    np.testing.assert_array_equal(found, drawn(how, model))
    np.testing.assert_array_equal(
        found[:, :2], drawn(how.model_copy(update={"augmented": 2}), model)
    )
    assert not np.allclose(found, drawn(how, model, shard=1))
    assert len(np.unique(found[0].reshape(3, -1), axis=0)) == 3


def test_the_least_turned_view_is_the_nearest(tmp_path: Path) -> None:
    model = card(tmp_path)
    teacher = torch.from_numpy(drawn(Views(rotations=(-60, 0, 60)), model))
    for angle, expected in ((0, 1), (25, 1), (35, 2), (-80, 0), (170, 2)):
        student = torch.from_numpy(drawn(Views(rotations=(angle,)), model))[:, 0]
        mirrored = geometry.compose(geometry.mirror(tiny.SIZE[0]), student)
        for crop in (student, mirrored):
            assert views.nearest(crop, teacher).tolist() == [expected] * 2, angle


def test_the_first_of_the_least_turned_views_is_the_nearest(tmp_path: Path) -> None:
    model = card(tmp_path)
    how = Views(paddings=(1.3, 0.7, 1.9), rotations=(10, 50))
    teacher = torch.from_numpy(drawn(how, model))
    for angle in range(-180, 181, 7):
        student = torch.from_numpy(drawn(Views(rotations=(angle,)), model))[:, 0]
        turns = [abs((angle - own + 180) % 360 - 180) for own in (10, 50)]
        assert views.nearest(student, teacher).tolist() == [int(turns[1] < turns[0])] * 2, angle


def test_no_view_at_all_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least one"):
        Views(rotations=())


def test_each_view_of_a_store_is_the_model_on_its_crop(tmp_path: Path) -> None:
    model, samples = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    settings = {"chunk_rows": 2, "shard_rows": 4, "encoding": "float32"}
    how = Views(rotations=(0, 45), augmented=1)
    logits.cache(model, samples, tmp_path / "three", logits.Caching(views=how, **settings), batch=7)  # type: ignore[arg-type]
    logits.cache(model, samples, tmp_path / "one", logits.Caching(**settings), batch=2)  # type: ignore[arg-type]
    three, one = logits.open(tmp_path / "three"), logits.open(tmp_path / "one")
    x, y, matrix = three.read(slice(0, 10))
    assert x.shape == (10, 3, 17, 32)
    for many, single in zip((x, y, matrix), one.read(slice(0, 10)), strict=True):
        np.testing.assert_allclose(many[:, :1], single, atol=1e-5)
    assert not np.allclose(x[:, 0], x[:, 1])
    assert three.identity["views"]["rotations"] == [0.0, 45.0]
