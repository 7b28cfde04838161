import copy
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import trainer, weights
from torch import Tensor

from posecache.training.batch import Batch
from posecache.training.losses import TeacherTarget, Truth
from posecache.training.recipe import Init
from posecache.training.stream import Stream, TrainingSet
from posecache.training.teaching import Teaching


class StopError(Exception):
    """Ends a run as a kill does, after its last checkpoint."""


class StoppingStream(Stream):
    """A stream that stops the run before its third epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        if epoch == 2:
            raise StopError
        return super().epoch(epoch, start)


class NotedTeaching(Teaching):
    """Notes which step of which epoch each batch is prepared for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.noted: list[tuple[int, int]] = []

    def prepare(
        self, batch: Batch, step: int, epoch: int
    ) -> tuple[Tensor, Truth, dict[str, TeacherTarget]]:
        self.noted.append((step, epoch))
        return super().prepare(batch, step, epoch)


@pytest.mark.parametrize("changes", [{}, {"batch_size": 4, "drop_last": False}])
def test_a_resumed_run_ends_at_the_same_bits(
    data: TrainingSet, tmp_path: Path, changes: dict[str, Any]
) -> None:
    whole = trainer(data, tmp_path / "whole", **changes).train()
    killed = trainer(data, tmp_path / "killed", streams=StoppingStream, **changes)
    with pytest.raises(StopError):
        killed.train()
    resumed = trainer(data, tmp_path / "killed", **changes)
    assert resumed.start().epoch == 2
    assert torch.equal(weights(whole), weights(resumed.train()))
    epochs = (tmp_path / "killed" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in epochs] == ["epoch", "1", "2", "3"]


def test_a_checkpoint_of_another_identity_is_not_resumed(data: TrainingSet, tmp_path: Path) -> None:
    trainer(data, tmp_path, epochs=1).train()
    assert trainer(data, tmp_path, epochs=1).start().epoch == 1
    assert trainer(data, tmp_path, epochs=1, identity="b").start().epoch == 0


def test_each_batch_is_prepared_for_its_step_and_epoch(data: TrainingSet, tmp_path: Path) -> None:
    run = trainer(data, tmp_path, teachings=NotedTeaching)
    run.train()
    assert isinstance(run.teaching, NotedTeaching)
    assert run.teaching.noted == [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)]


@pytest.mark.parametrize(
    ("drop_last", "steps", "samples"), [(True, [2, 4, 6], 8), (False, [3, 6, 9], 10)]
)
def test_history_counts_the_steps_and_samples_of_an_epoch(
    data: TrainingSet, tmp_path: Path, drop_last: bool, steps: list[int], samples: int
) -> None:
    """Ten samples in batches of four."""
    run = trainer(data, tmp_path, batch_size=4, drop_last=drop_last)
    run.train()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "history.csv").read_text())))
    assert [int(row["step"]) for row in rows] == steps
    assert run.total_steps == steps[-1]
    for row in rows:
        trained = float(row["samples_per_s"]) * float(row["seconds"])
        assert trained == pytest.approx(samples, rel=1e-3)


def test_history_has_every_part_and_their_weighted_sum(
    data: TrainingSet, tmp_path: Path, device: str
) -> None:
    trainer(data, tmp_path, device=device).train()
    text = (tmp_path / "history.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3
    for row in rows:
        total = 0.3 * float(row["L_CK"]) + 0.7 * 0.5 * float(row["L_D/teacher"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("checkpoint_minutes", [10, 1e-9])
def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(
    data: TrainingSet, tmp_path: Path, checkpoint_minutes: float
) -> None:
    how = {"lr": 1e30, "warmup_steps": 0, "epochs": 8, "checkpoint_minutes": checkpoint_minutes}
    with pytest.raises(ValueError, match=r"step 1: loss {'L_CK': nan, .*: not finite"):
        trainer(data, tmp_path, **how).train()
    path = tmp_path / "checkpoint.pt"
    assert path.exists() == (checkpoint_minutes < 1)
    if path.exists():
        kept = trainer(data, tmp_path, **how).start()
        assert (kept.epoch, kept.tally.steps) == (0, 1)
        assert torch.isfinite(weights(kept.model)).all()


def test_a_weight_that_is_not_finite_is_named_and_not_saved(
    data: TrainingSet, tmp_path: Path
) -> None:
    """The last step's loss is finite, and what it makes of the weights is not."""
    run = trainer(data, tmp_path, lr=1e39, warmup_steps=0, batch_size=10, epochs=1)
    with pytest.raises(ValueError, match=r"^after 1 epochs and 0 steps: \S+ is not finite$"):
        run.train()
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_run_may_start_from_a_given_backbone(data: TrainingSet, tmp_path: Path) -> None:
    trained = trainer(data, tmp_path / "first").train()
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "b.pth")
    init = Init(weights=str(tmp_path / "b.pth"))
    run = trainer(data, tmp_path / "second", init=init).start()
    backbone = weights(trained.get_submodule("backbone"))
    assert torch.equal(weights(run.model.get_submodule("backbone")), backbone)
    assert run.average is not None
    assert torch.equal(weights(run.average.get_submodule("backbone")), backbone)
    head = weights(trained.get_submodule("head"))
    assert not torch.equal(weights(run.model.get_submodule("head")), head)


def test_a_large_batchs_statistics_are_exact_to_single_precision(
    data: TrainingSet, tmp_path: Path
) -> None:
    model = trainer(data, tmp_path).start().model
    exact = copy.deepcopy(model).double()
    images = torch.randn(1024, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.train()(images)
        exact.train()(images.double())
    for (name, found), expected in zip(model.named_buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(
            found.double(), expected.double(), rtol=5e-6, atol=1e-6, msg=name
        )


def test_norm_layers_and_biases_alone_are_spared_from_decay(
    data: TrainingSet, tmp_path: Path
) -> None:
    """MMEngine's rule: RTMPose's own one-entry gains and scales are no norm layers."""
    run = trainer(data, tmp_path, weight_decay=0.05).start()
    decay = {
        name: group["weight_decay"]
        for name, parameter in run.model.named_parameters()
        for group in run.optimizer.param_groups
        if any(parameter is other for other in group["params"])
    }
    norms = {n for n, m in run.model.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    spared = {f"{norm}.{part}" for norm in norms for part in ("weight", "bias")}
    spared |= {f"{n}.fc.bias" for n, _ in run.model.named_modules() if n.endswith("attention")}
    spared |= {"head.final_layer.bias"}
    assert {name for name, value in decay.items() if value == 0} == spared
    assert {decay[name] for name in decay.keys() - spared} == {0.05}
    assert {"mlp.0.g", "gau.ln.g", "gau.res_scale.scale", "gau.gamma", "gau.beta"} <= {
        name.removeprefix("head.") for name in decay.keys() - spared
    }
