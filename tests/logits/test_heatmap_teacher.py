"""A teacher of heat maps, imported and cached: its keypoints lie where the picture's dot does."""

from pathlib import Path

import numpy as np
import pytest
import torch

import heatmaps
import tiny
from posecache import files, geometry, logits, simcc
from posecache.logits.live import check_live
from posecache.models.card import Card
from posecache.models.settings import Heatmap

HRNET = Heatmap(udp=False, shift=True)
PLAIN = Heatmap(udp=False)
VITPOSE = Heatmap(udp=True)
ITSELF = Heatmap(udp=True, softmax=None)


def cached(
    folder: Path, how: Heatmap, *, zoom: float = 1.0, flip: bool = True
) -> logits.LogitStore:
    model = heatmaps.heatmap_folder(folder / "model", how)
    settings = logits.Caching(flip=flip, encoding="float32")
    logits.cache(model, tiny.dotted_folder(folder, zoom), folder / "logits", settings)
    return logits.open(folder / "logits")


@pytest.mark.parametrize("how", [HRNET, PLAIN, VITPOSE, ITSELF])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("zoom", [1.0, 1.5])
def test_the_keypoint_is_where_the_dot_is(
    tmp_path: Path, how: Heatmap, flip: bool, zoom: float
) -> None:
    x, y, matrix = cached(tmp_path, how, zoom=zoom, flip=flip).read(slice(0, 1))
    places, scores = simcc.decode(x[:, 0], y[:, 0])
    found = geometry.apply(geometry.invert(matrix[:, 0]), places.double())
    np.testing.assert_allclose(found, np.tile(tiny.DOT, (1, 17, 1)), atol=0.3 / zoom)
    assert float(scores.min()) == pytest.approx(zoom**2, rel=0.2)  # the dot's area in input px


def test_its_distributions_are_carried_like_any_other(tmp_path: Path) -> None:
    """Into a student's crop that is turned and larger; the middle of the mass is the dot."""
    x, y, matrix = cached(tmp_path, Heatmap(udp=True, softmax=60)).read(slice(0, 1))
    student = geometry.box_matrices([[16.0, 8.0, 32.0, 32.0]], (64, 64), rotation_degrees=20)
    carried = geometry.compose(student, geometry.invert(matrix[:, 0]))
    prob_x, prob_y, mass = simcc.transport(x[:, 0], y[:, 0], carried, (64, 64))
    middle = torch.stack([p @ torch.arange(128.0) for p in (prob_x, prob_y)], -1) / 2
    expected = geometry.apply(student, torch.tensor([tiny.DOT]).double())
    np.testing.assert_allclose(middle, expected.expand(-1, 17, -1), atol=0.5)
    np.testing.assert_allclose(mass, 1, atol=0.02)


def test_the_live_model_agrees_with_its_cache(tmp_path: Path) -> None:
    cached(tmp_path, VITPOSE)
    assert check_live(tmp_path / "logits", tmp_path / "model", tmp_path / "samples") < 1e-6


def test_another_reading_makes_another_store(tmp_path: Path) -> None:
    before = cached(tmp_path, HRNET)
    card = Card.load(tmp_path / "model" / "card.json")
    assert card.heatmap == HRNET
    assert before.identity["heatmap"] == {"udp": False, "shift": True, "softmax": 20.0}
    heatmaps.heatmap_folder(tmp_path / "model", PLAIN)
    logits.cache(tmp_path / "model", tmp_path / "samples", tmp_path / "logits")
    assert logits.open(tmp_path / "logits").fingerprint != before.fingerprint


def test_an_edited_reading_is_noticed(tmp_path: Path) -> None:
    cached(tmp_path, HRNET)
    path = tmp_path / "model" / "card.json"
    record = files.read_json(path)
    files.write_json(path, record | {"heatmap": record["heatmap"] | {"softmax": None}})
    with pytest.raises(ValueError, match=r"golden\.npz: .* gives other logits than when it was"):
        logits.cache(tmp_path / "model", tmp_path / "samples", tmp_path / "other")
