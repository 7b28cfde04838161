"""What the page says of caches."""

from pathlib import Path

import pytest

import tiny
from posecache import logits
from posecache.report.contents import Contents
from posecache.report.facts import stores


@pytest.fixture
def experiment(tmp_path: Path) -> Contents:
    """A teacher that has been cached over ten people, in two views."""
    model, samples = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    how = logits.Caching(views=logits.Views(rotations=(0.0, 30.0)))
    logits.cache(model, samples, tmp_path / "logits", how)
    return Contents(
        title="t", tables={}, sweeps={},
        scores=[], runs=[], models={"t": model}, samples={"s": samples},
        training_sets=[], benchmarks={}, logits={}, student=None, teachers=[], flip=True,
        taught={("t", "s"): tmp_path / "logits"},
    )  # fmt: skip


def test_a_store_in_a_line(experiment: Contents) -> None:
    (found,) = stores(experiment, threads=1)
    assert (found.model, found.samples, found.rows, found.views) == ("t", "s", 10, 2)
    assert (found.encoding, found.merge) == ("float16", "none")
    # A chunk of 64 rows: 17 keypoints of 32 and 64 bins and a matrix of 6 doubles, in two views.
    least = 64 * 2 * (17 * (32 + 64) * 2 + 6 * 8)
    assert least < found.megabytes * 1e6 < 1.05 * least
    assert found.samples_per_s is not None
    assert 0 <= float(found.live) < 1e-4  # what float16 costs


def test_where_the_model_cannot_be_asked_it_says_why(experiment: Contents) -> None:
    (picture, *_) = sorted((experiment.samples["s"].parent / "data").glob("*.jpg"))
    for other in picture.parent.glob("*.jpg"):
        other.unlink()
    (found,) = stores(experiment, threads=1)
    assert "no such file" in found.live
    (found,) = stores(Contents(**vars(experiment) | {"models": {}}), threads=1)
    assert found.live == "no model here"
