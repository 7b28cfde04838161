"""Rankings by hand, and of caches."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import tiny
from posecache import logits, samples, skeletons
from posecache.labelling import ranking, sheet
from posecache.labelling.opinions import Opinions
from posecache.samples.pictures import read_image

MPII = skeletons.load("mpii16")
KNEE, WRIST = MPII.keypoints.index("left_knee"), MPII.keypoints.index("left_wrist")
AREA = np.full(3, 2500.0)
UNIT = 2 * 50 * np.array(MPII.sigmas)  # px


def said() -> tuple[Opinions, np.ndarray]:
    """Two models of the same keypoints, sure of all at (0, 0); labels there too."""
    keypoints, scores = np.zeros((2, 3, 16, 2)), np.full((2, 3, 16), 0.8)
    owns = np.ones((2, 16), bool)
    opinions = Opinions(
        names=("a", "b"), skeleton=MPII, keypoints=keypoints, scores=scores, owns=owns
    )
    return opinions, np.zeros((3, 16, 2))


def test_the_worst_label_counts_by_the_models_scores() -> None:
    opinions, labels = said()
    labels[0, KNEE, 0] = 2 * UNIT[KNEE]
    labels[0, WRIST, 0] = UNIT[WRIST]
    labels[1, WRIST, 1] = 100 * UNIT[WRIST]  # counts as FAR, 5
    opinions.scores[1, 1, WRIST] = 0.2
    labels[2] = np.nan
    found = ranking.parts(opinions, labels, AREA, np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(found.label_distance, [2 * 0.8, 5 * 0.5, 0])
    assert found.worst.tolist() == [KNEE, WRIST, -1]
    np.testing.assert_array_equal(found.model_distance, 0)
    assert found.order.tolist() == [1, 0, 2]


def test_models_disagree_by_their_distance_from_the_mean() -> None:
    opinions, labels = said()
    opinions.keypoints[1, 2, :, 0] = UNIT  # half a unit from the mean, each
    found = ranking.parts(opinions, np.full_like(labels, np.nan), AREA, np.array([0.2, 0.1, 0.0]))
    np.testing.assert_allclose(found.model_distance, [0, 0, 0.5])
    assert found.order.tolist() == [2, 0, 1]  # then by entropy


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranked")
    store, model = tiny.sample_folder(folder), tiny.model_folder(folder / "model")
    logits.cache(model, store, folder / "logits")
    return folder


def test_entropy_is_a_share_of_the_largest(made: Path) -> None:
    store = logits.open(made / "logits")
    x, y, _ = store.read(slice(0, 10))
    shares = []
    for axis in (x, y):
        prob = torch.softmax(10 * torch.from_numpy(axis[:, 0].astype(np.float64)), -1).numpy()
        shares.append(-(prob * np.log(prob.clip(1e-300))).sum(-1) / np.log(axis.shape[-1]))
    expected = np.stack(shares, -1).mean((1, 2))
    np.testing.assert_allclose(ranking.entropy({"a": store}), expected, rtol=1e-4)
    assert ((expected > 0) & (expected < 1)).all()


def test_the_table_and_the_sheet(made: Path, tmp_path: Path) -> None:
    store = samples.open(made / "samples")
    opened = {"model": logits.open(made / "logits", samples=store)}
    opinions = Opinions.of(store, opened)
    labels = ranking.labels_of(store, opinions)
    found = ranking.parts(opinions, labels, store.column("area"), ranking.entropy(opened))
    ranking.write(tmp_path / "ranked.csv", store, opinions, found)
    frame = pd.read_csv(tmp_path / "ranked.csv")
    assert frame["rank"].tolist() == list(range(1, 11))
    assert frame["label_distance"].is_monotonic_decreasing
    first = int(found.order[0])
    assert frame["image"][0] == store.image_path(first).name
    assert frame["person"][0] == store.column("instance_id")[first]
    assert frame["keypoint"][0] == opinions.skeleton.keypoints[found.worst[first]]
    sheet.write(tmp_path / "sheet.jpg", store, opinions, labels, found.order[:9].tolist())
    drawn = read_image(tmp_path / "sheet.jpg")
    assert drawn.shape == (2 * 256, 8 * 192, 3)
    assert drawn[:256].any()
    assert not drawn[256:, 192:].any()
