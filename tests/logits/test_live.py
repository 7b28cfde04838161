from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import logits, samples
from posecache.logits.live import check_live, divergence


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A logit store, its model and its samples."""
    model, folder = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    logits.cache(model, folder, tmp_path / "logits", logits.Caching(chunk_rows=2, shard_rows=4))
    return tmp_path / "logits", model, folder


def test_divergence_by_hand() -> None:
    live, cached = np.array([[0.0, 0.0]]), np.array([[0.1, 0.0]])
    p = np.e / (1 + np.e)
    expected = 0.5 * np.log(0.5 / p) + 0.5 * np.log(0.5 / (1 - p))
    assert divergence(live, cached) == pytest.approx([expected])
    assert divergence(live, 10 * cached, beta=1.0) == pytest.approx([expected])


def test_the_live_model_agrees_with_its_cache(made: tuple[Path, Path, Path]) -> None:
    assert check_live(*made, num_rows=5) < 1e-5
    with pytest.raises(ValueError, match=r"KL\(live \|\| cached\) is .* over 10 rows, limit 1e-12"):
        check_live(*made, limit=1e-12)


def test_people_without_labels_are_cached_under_any_views(tmp_path: Path) -> None:
    """Recorded augmentations too, which may cut to half bodies where keypoints are labelled."""
    model, folder = tiny.model_folder(tmp_path / "model"), tiny.unlabelled_folder(tmp_path)
    views = logits.Views(rotations=(0, 30), augmented=2)
    logits.cache(model, folder, tmp_path / "logits", logits.Caching(views=views))
    store = logits.open(tmp_path / "logits", samples=samples.open(folder))
    assert store.read(slice(0, 3))[0].shape == (3, 4, 17, 32)
    assert check_live(tmp_path / "logits", model, folder, num_rows=5) < 1e-5


def test_another_model_or_other_samples_are_refused(
    made: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    other = tiny.model_folder(tmp_path / "other", scale=2.0)
    with pytest.raises(ValueError, match=r"made by model \w{12}, but .*other is"):
        check_live(made[0], other, made[2])
    others = tiny.sample_folder(tmp_path / "others", seed=3)
    with pytest.raises(ValueError, match="made from other samples"):
        check_live(made[0], made[1], others)


def test_a_part_of_the_samples_is_checked_too(made: tuple[Path, Path, Path]) -> None:
    annotations = tiny.annotations(made[2].parent / "data" / "annotations.json")
    few = tiny.annotations(annotations.source.annotations, wanted=frozenset(["2.jpg", "5.jpg"]))
    samples.prepare(few, made[2].parent / "fewer")
    assert check_live(made[0], made[1], made[2].parent / "fewer") < 1e-5
