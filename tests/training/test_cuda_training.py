"""A step of training on a GPU: the CPU's values, without ever waiting for the device.

The step itself runs on the CPU too.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tiny_run import recipe, stream, teaching, trainer

from posecache.models.settings import Refine
from posecache.training.batch import Batch
from posecache.training.stream import TrainingSet

# Draws are the same everywhere; blurs and colours would add to the two warps' difference.
PLAIN = {"hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0}
EVERYTHING = {"flip_prob": 0.5, "rotate_prob": 0.5, "blur_prob": 0.6, "median_blur_prob": 0.6}


NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@contextmanager
def no_waiting(device: str) -> Iterator[None]:
    """An error where the host waits for the device."""
    if device == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")


def first_batch(data: TrainingSet) -> Batch:
    return next(stream(data, recipe()).epoch(0))


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("refine", [None, Refine(hidden=8)], ids=["coarse", "refined"])
def test_a_step_never_waits_for_the_device(
    data: TrainingSet, tmp_path: Path, device: str, refine: Refine | None
) -> None:
    how = {"augmentation": EVERYTHING, "final_epochs": 0}
    training = trainer(data, tmp_path, device=device, refine=refine, **how)
    batch = first_batch(data)
    run, weights = training.start(), training.objective.weights(0.0)
    training.step(run, batch, weights)  # the first one sets up libraries
    with no_waiting(device):
        for _ in range(5):
            training.step(run, batch, weights)
    assert run.tally.steps == 6
    run.tally.fetch()


@NEEDS_CUDA
def test_a_batch_is_the_cpus(data: TrainingSet) -> None:
    how = recipe(augmentation=PLAIN, final_epochs=0)
    made = [teaching(data, how, d).prepare(first_batch(data), 3, 0) for d in ("cpu", "cuda")]
    (here, truth, targets), (there, other_truth, other_targets) = made
    assert float((here - there.cpu()).abs().mean()) < 0.02  # the CPU rounds to levels, of 0.017
    for name, value in vars(truth).items():
        torch.testing.assert_close(vars(other_truth)[name].cpu(), value, atol=1e-5, rtol=1e-5)
    for name, value in vars(targets["teacher"]).items():
        other = vars(other_targets["teacher"])[name].cpu()
        torch.testing.assert_close(other, value, atol=1e-5, rtol=1e-4)


@NEEDS_CUDA
def test_an_epochs_losses_are_the_cpus(data: TrainingSet, tmp_path: Path) -> None:
    """On CUDA the network runs in bfloat16."""
    rows = []
    for number, where in enumerate(("cpu", "cuda")):
        folder = tmp_path / str(number)
        how = {"epochs": 1, "augmentation": PLAIN, "final_epochs": 0}
        trainer(data, folder, device=where, **how).train()
        rows += csv.DictReader(io.StringIO((folder / "history.csv").read_text()))
    for name in ("L_CK", "L_D/teacher", "loss"):
        assert float(rows[1][name]) == pytest.approx(float(rows[0][name]), rel=0.02)
