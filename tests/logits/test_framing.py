from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import geometry, samples
from posecache.logits.framing import FACTORS, best_padding, choose
from posecache.logits.looking import forward
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.samples.pictures import crop_rows

HOME = FACTORS.index(1.0)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.5, 0.6, 0.4, 0.2, 0.1], 1.0),  # 1.2 times as high: not clearly better
        ([0.1, 0.2, 0.3, 0.4, 0.6, 0.5, 0.2, 0.1], 1.25),  # 0.6 / 1.25 is more than 0.5 / 1.56
        ([0.1, 0.2, 0.3, 0.2, 0.2, 0.5, 0.6, 0.6], 1.25**-1),  # 0.3 / 0.8, and half of the best
        ([0.3, 0.2, 0.3, 0.2, 0.2, 0.7, 0.8, 0.8], 1.25**2),  # less than half of it is not fair
        ([-0.3] * 8, 1.0),
        ([0.0] * 8, 1.0),
    ],
)
def test_the_choice_by_hand(scores: list[float], expected: float) -> None:
    assert choose(np.array(scores)) == expected


@pytest.mark.parametrize("flip", [True, False])
def test_the_scores_are_those_of_each_look_by_itself(tmp_path: Path, flip: bool) -> None:
    model, folder = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    card, store = Card.load(model / CARD_FILE), samples.open(folder)
    session = Session(model / MODEL_FILE, card, batch=7)
    scores = np.zeros(len(FACTORS))
    for n, factor in enumerate(FACTORS):
        matrices = geometry.box_matrices(store.column("box"), tiny.SIZE, 1.25 * factor).numpy()
        crops = crop_rows([store.picture(row) for row in range(10)], matrices, tiny.SIZE)
        x, y = session.run_flipped(crops) if flip else session.run(crops)
        scores[n] = np.minimum(x.max(-1), y.max(-1)).mean()
    run = forward(session, flip=flip)
    for threads in (1, 3):
        found = best_padding(card, store, run, flip=flip, batch=7, threads=threads)
        assert found == 1.25 * choose(scores)
