"""A step of training on a GPU: the CPU's values, without ever waiting for the device.

What each test does runs on the CPU too.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tiny_run import recipe, stream, teaching, trainer

from posecache.training.batch import Batch
from posecache.training.checkpoints import Run
from posecache.training.stream import TrainingSet
from posecache.training.trainer import Trainer
from posecache.training.watching import spreads

# Draws are the same everywhere; blurs and colours would add to the two warps' difference.
PLAIN = {"hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0}
EVERYTHING = {"flip_prob": 0.5, "rotate_prob": 0.5, "blur_prob": 0.6, "median_blur_prob": 0.6}


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


def take_step(training: Trainer, run: Run, batch: Batch, step: int) -> None:
    """What the trainer does in a step."""
    images, truth, targets = training.teaching.prepare(batch, step, 0)
    with torch.autocast("cuda", torch.bfloat16, enabled=images.is_cuda):
        x, y = run.model(images)
    parts = training.objective.parts(x.float(), y.float(), truth, targets)
    loss = torch.stack(list(parts.values())).sum()
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0, foreach=True)
    run.optimizer.step()
    found = spreads((x, y), truth, targets, training.objective.beta)
    run.tally.note(step, 1e-3, {**parts, "loss": loss, "grad_norm": norm, **found})


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_a_step_never_waits_for_the_device(data: TrainingSet, tmp_path: Path, device: str) -> None:
    how = {"augmentation": EVERYTHING, "final_epochs": 0}
    training, batch = trainer(data, tmp_path, device=device, **how), first_batch(data)
    run = training.start()
    take_step(training, run, batch, 0)  # the first one sets up libraries
    with no_waiting(device):
        for step in range(1, 6):
            take_step(training, run, batch, step)
    assert run.tally.steps == 6
    run.tally.fetch()


def test_a_batch_is_the_cpus(data: TrainingSet, device: str) -> None:
    how = recipe(augmentation=PLAIN, final_epochs=0)
    made = [teaching(data, how, d).prepare(first_batch(data), 3, 0) for d in ("cpu", device)]
    (here, truth, targets), (there, other_truth, other_targets) = made
    assert float((here - there.cpu()).abs().mean()) < 0.02  # the CPU rounds to levels, of 0.017
    for name, value in vars(truth).items():
        torch.testing.assert_close(vars(other_truth)[name].cpu(), value, atol=1e-5, rtol=1e-5)
    for name, value in vars(targets["teacher"]).items():
        other = vars(other_targets["teacher"])[name].cpu()
        torch.testing.assert_close(other, value, atol=1e-5, rtol=1e-4)


def test_an_epochs_losses_are_the_cpus(data: TrainingSet, tmp_path: Path, device: str) -> None:
    """On CUDA the network runs in bfloat16."""
    rows = []
    for number, where in enumerate(("cpu", device)):
        folder = tmp_path / str(number)
        how = {"epochs": 1, "augmentation": PLAIN, "final_epochs": 0}
        trainer(data, folder, device=where, **how).train()
        rows += csv.DictReader(io.StringIO((folder / "history.csv").read_text()))
    for name in ("L_CK", "L_D/teacher", "loss"):
        assert float(rows[1][name]) == pytest.approx(float(rows[0][name]), rel=0.02)
