"""A card on disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posecache import files
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.models import Card
from posecache.models.settings import Heatmap

CARD = Card(
    name="coco-m",
    sha256="0" * 64,
    skeleton="coco17",
    input_size=(192, 256),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    sigma=(4.9, 5.66),
    source="hand-made",
    extra={"seed": 3},
)


def test_a_saved_card_loads_equal(tmp_path: Path) -> None:
    CARD.save(tmp_path / "card.json")
    assert Card.load(tmp_path / "card.json") == CARD


def test_how_heat_maps_are_read_is_on_the_card(tmp_path: Path) -> None:
    card = replace(CARD, heatmap=Heatmap(udp=True, softmax=30))
    card.save(tmp_path / "card.json")
    assert Card.load(tmp_path / "card.json") == card
    kept = files.read_json(tmp_path / "card.json")["heatmap"]
    assert kept == {"udp": True, "shift": False, "softmax": 30.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "rgb"}, "colour: unknown key"),
        ({"input_size": [192, 0]}, "input_size.1: input should be greater than 0, got 0"),
        ({"input_size": [192]}, "input_size.1: this key is missing"),
        ({"padding": -1}, "padding: input should be greater than 0, got -1"),
        ({"color_order": "gbr"}, "color_order: input should be 'rgb' or 'bgr', got 'gbr'"),
        ({"std": [1, 1, 0]}, "std.2: input should be greater than 0, got 0"),
        ({"sha256": "abc"}, "sha256: string should match pattern"),
        ({"heatmap": {}}, "heatmap.udp: this key is missing"),
        ({"heatmap": {"udp": True, "softmax": 0}}, "heatmap.softmax: input should be greater"),
        ({"skeleton": ""}, "skeleton: string should have at least 1 character"),
    ],
)
def test_a_wrong_value_is_refused_by_key(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "card.json"
    CARD.save(path)
    files.write_json(path, files.read_json(path) | change)
    with pytest.raises(ValueError, match=f"card.json: {message}"):
        Card.load(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    CARD.save(path)
    record = files.read_json(path)
    del record["mean"]
    files.write_json(path, record)
    with pytest.raises(ValueError, match=r"card.json: mean: this key is missing"):
        Card.load(path)


def test_a_file_that_holds_no_record_is_refused(tmp_path: Path) -> None:
    files.write_json(tmp_path / "card.json", [])
    with pytest.raises(ValueError, match=r"card.json: record: input should be a dictionary"):
        Card.load(tmp_path / "card.json")


def test_a_card_that_would_not_load_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"card.json: padding"):
        replace(CARD, padding=float("nan")).save(tmp_path / "card.json")
    assert list(tmp_path.iterdir()) == []
