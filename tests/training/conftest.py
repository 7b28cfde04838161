"""Fixtures that several tests of training share."""

import pytest

import tiny
from posecache import logits, samples
from posecache.training.stream import TrainingSet


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Ten persons with crops, and the logits over them of a teacher that saw them upright."""
    folder = tmp_path_factory.mktemp("data")
    store = samples.open(tiny.sample_folder(folder, crops=True))
    logits.cache(tiny.model_folder(folder / "model"), store.folder, folder / "logits")
    opened = logits.open(folder / "logits", samples=store)
    return TrainingSet(samples=store, logits={"teacher": opened})
