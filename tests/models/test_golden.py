from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import logits
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session


def session(folder: Path, **changes: object) -> Session:
    card = replace(Card.load(folder / CARD_FILE), **changes)
    return Session(folder / MODEL_FILE, card, batch=4)


def test_the_model_gives_what_it_gave(tmp_path: Path) -> None:
    folder = tiny.model_folder(tmp_path / "m")
    golden.check(folder, session(folder))
    with np.load(folder / golden.GOLDEN_FILE) as kept:
        assert kept["crop"].shape == (1, tiny.SIZE[1], tiny.SIZE[0], 3)
        assert kept["crop"].std() > 20
        assert kept["simcc_x"].shape == (1, 17, tiny.BINS[0])


@pytest.mark.parametrize("changes", [{"color_order": "bgr"}, {"mean": (0, 0, 0)}])
def test_an_edited_card_is_noticed(tmp_path: Path, changes: dict[str, object]) -> None:
    folder = tiny.model_folder(tmp_path / "m")
    with pytest.raises(ValueError, match=r"golden\.npz: .* gives other logits than when it was"):
        golden.check(folder, session(folder, **changes))


def test_a_model_that_gives_nan_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model tiny gives logits that are not finite"):
        tiny.model_folder(tmp_path / "m", scale=np.nan)
    assert not (tmp_path / "m" / CARD_FILE).exists()


def test_caching_does_not_start_without_it(tmp_path: Path) -> None:
    folder, samples = tiny.model_folder(tmp_path / "m"), tiny.sample_folder(tmp_path)
    replace(Card.load(folder / CARD_FILE), color_order="bgr").save(folder / CARD_FILE)
    with pytest.raises(ValueError, match="gives other logits"):
        logits.cache(folder, samples, tmp_path / "logits")
    (folder / golden.GOLDEN_FILE).unlink()
    with pytest.raises(ValueError, match=r"golden\.npz: no such file: import or train"):
        logits.cache(folder, samples, tmp_path / "logits")
    assert not (tmp_path / "logits").exists()
