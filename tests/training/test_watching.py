import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import trainer

from posecache.training.batch import Batch
from posecache.training.costs import BATCHES, CROPS, LOGITS, Costs
from posecache.training.losses import TeacherTarget, Truth
from posecache.training.stream import Stream, TrainingSet
from posecache.training.watching import spreads


class SlowStream(Stream):
    """A disk that a network has to wait for, however slow that is: four times its last step."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options | {"memory_mb": 0})

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        step = 0.0
        for batch in super().epoch(epoch, start):
            time.sleep(4 * step)
            begun = time.perf_counter()
            yield batch
            step = time.perf_counter() - begun


def warnings(caplog: pytest.LogCaptureFixture, about: str) -> list[str]:
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    return [text for text in found if about in text]


def test_a_run_that_waits_for_data_says_so_once(
    data: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer(data, tmp_path, streams=SlowStream).train()
    (told,) = warnings(caplog, "waiting for batches")
    assert re.match(r"warning: epoch \d: \d\d% of its time went by waiting for batches", told)


def test_what_is_read_once_and_kept_is_no_bottleneck(
    data: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Warming(SlowStream):
        def __init__(self, *given: Any, **options: Any) -> None:
            Stream.__init__(self, *given, **options)

    trainer(data, tmp_path, streams=Warming, epochs=1).train()
    assert warnings(caplog, "waiting for batches") == []


def test_the_bottleneck_is_what_took_longest() -> None:
    """Two threads read side by side, so that their seconds count half."""
    costs = Costs(threads=2)
    costs.seconds[CROPS] = 0.1
    assert costs.most == "reading crops from disk"
    costs.seconds[BATCHES] = 0.4
    assert costs.most == "putting their rows together"
    costs.seconds[LOGITS] = 2.0
    costs.computing[LOGITS] = 0.9
    assert costs.most == "reading logits from disk"
    costs.computing[LOGITS] = 1.1
    assert costs.most == "decoding logits"


def test_time_is_counted_apart_from_computing() -> None:
    costs = Costs(threads=1)
    with costs.of(CROPS):
        time.sleep(0.2)
    with costs.of(LOGITS):
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass
    assert costs.seconds[CROPS] >= 0.2 > costs.computing[CROPS]
    assert costs.seconds[LOGITS] >= costs.computing[LOGITS] - 0.05 >= 0.15


def one_hot(bins: list[list[int]], count: int = 8) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(bins), count).float()


def test_spreads_are_squares_around_each_keypoints_mean() -> None:
    """Two samples, two keypoints; a teacher of the second alone. The second sample's first keypoint
    is not labelled."""
    x, y = one_hot([[0, 1], [7, 3]]), one_hot([[0, 2], [7, 2]])
    labels = one_hot([[4, 1], [0, 7]]), one_hot([[4, 0], [0, 0]])
    weight = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    truth = Truth(
        label_x=labels[0], label_y=labels[1], keypoints=torch.zeros(2, 2, 2), weight=weight
    )
    target = TeacherTarget(
        prob_x=one_hot([[2], [4]]), prob_y=one_hot([[5], [5]]),
        weight=torch.tensor([[0.5], [1.0]]), peak=torch.ones(2, 1),
        keypoints=torch.zeros(2, 1, 2), indices=torch.tensor([1]),
    )  # fmt: skip
    found = spreads((x, y), truth, {"teacher": target}, beta=100.0)
    assert found["predicted"] == 2 + 2  # x is 1 and 3: a square of 1 a sample, for both targets
    assert found["expected"] == 18 + 2  # 1 and 7, 2 and 4


def test_a_run_at_the_mean_pose_says_so_once(
    data: TrainingSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A network that gives every picture the same answer, during and after three warm-ups."""
    still = {"network": "tiny_own:BLIND", "variant": 4, "epochs": 8}
    trainer(data, tmp_path / "still", **still).train()
    (told,) = warnings(caplog, "mean pose")
    assert told.startswith("warning: epoch 3: over a batch, predictions vary 0% as much")
    caplog.clear()
    trainer(data, tmp_path / "warming-up", **still, warmup_steps=6).train()
    assert warnings(caplog, "mean pose") == []
