"""Where crops lie changes neither a batch nor a weight."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import recipe, weights

from posecache import skeletons
from posecache.training.recipe import Learning
from posecache.training.resident import Keeping
from posecache.training.stream import Stream, TrainingSet
from posecache.training.student import make_trainer


def stream(data: TrainingSet, **keeping: Any) -> Stream:
    sets, how = [data], Keeping(**keeping)
    skeleton = skeletons.load("coco17")
    return Stream(sets, skeleton, batch_size=3, seed=0, memory_mb=10, threads=2, keeping=how)


@pytest.mark.parametrize("place", ["memory", "mapped"])
def test_batches_are_the_same_and_copy_no_crop(
    data: TrainingSet, tmp_path: Path, place: str
) -> None:
    decoded, held = stream(data, pictures="decoding"), stream(data, pictures=place, folder=tmp_path)
    buffers = set()
    for epoch in range(2):
        for one, other in zip(decoded.epoch(epoch), held.epoch(epoch), strict=True):
            buffers.add(other.crops.pixels.data_ptr())
            pairs = zip(one.crops.images(), other.crops.images(), strict=True)
            for here, there in [*pairs, *zip(one.arrays, other.arrays, strict=True)]:
                np.testing.assert_array_equal(here, there)
    assert len(buffers) == 1


def test_a_mapped_file_has_no_name_and_leaves_nothing(data: TrainingSet, tmp_path: Path) -> None:
    held = stream(data, pictures="mapped", folder=tmp_path / "run")
    batches = list(held.epoch(0))
    assert list((tmp_path / "run").iterdir()) == []
    assert batches[0].crops.images()[0].any()


def test_without_a_folder_nothing_is_mapped(data: TrainingSet) -> None:
    with pytest.raises(ValueError, match=r"pictures: mapped: .* room for 0.00 GB"):
        stream(data, pictures="mapped").open()


def test_the_log_says_where_crops_lie_and_why(
    data: TrainingSet, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        stream(data).open()
    assert "crops: memory: 0.00 GB beside 0.00 GB in 0.01 GB" in caplog.text


@pytest.mark.parametrize(
    ("on", "place"),
    [("cpu", "memory"), ("cpu", "mapped"), ("cuda", "gpu"), ("cuda", "memory"), ("cuda", "mapped")],
)
def test_a_run_ends_at_the_same_weights_wherever_its_crops_lie(
    data: TrainingSet, tmp_path: Path, on: str, place: str
) -> None:
    if on == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    learning = Learning.model_validate({"distil": {"alpha": 0.3, "teachers": {"teacher": 0.5}}})
    found = []
    for name in ("decoding", place):
        how = recipe(epochs=2, batch_size=3)
        run = make_trainer(
            [data], how, learning, tmp_path / name, memory_mb=10, device=on, pictures=name
        )
        found.append(weights(run.train()))
        assert run.stream.place == name
    assert torch.equal(*found) if on == "cpu" else torch.allclose(*found, atol=1e-4)
