"""One explicit training loop: rate, forward, losses, finite check, clip, step, EMA, log.

The loop knows neither architectures nor teachers: it is given a factory of networks, and batches
that `teaching` has prepared.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from posecache.models.checkpoint import load_into
from posecache.stage import StoppedError
from posecache.training import history, schedule
from posecache.training.batch import Batch
from posecache.training.checkpoints import Best, Checkpoints, Run
from posecache.training.compiling import Compiled
from posecache.training.history import Tally
from posecache.training.losses import Objective, TeacherTarget, Truth
from posecache.training.recipe import Init, Recipe
from posecache.training.stream import Stream
from posecache.training.teaching import Teaching
from posecache.training.watching import Watch, spreads

if TYPE_CHECKING:
    from posecache.training.validation import Validation  # COCO's evaluation is not everywhere

NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)

logger = logging.getLogger(__name__)


class Trainer:
    """Trains one student; `folder` holds checkpoint.pt and what lies beside it."""

    def __init__(
        self,
        recipe: Recipe,
        objective: Objective,
        teaching: Teaching,
        stream: Stream,
        network: Callable[[], nn.Module],
        folder: Path,
        *,
        identity: str,
        init: Init | None = None,
        validation: "Validation | None" = None,
        compiled: bool = False,
        show: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
    ) -> None:
        """`network` makes a fresh network; `init` names a file of weights to start from;
        `compiled`: the network and the losses are, where PyTorch can; `show` is given the history
        whenever it is saved."""
        self.recipe, self.objective, self.teaching = recipe, objective, teaching
        self.stream, self.network, self.folder = stream, network, folder
        self.device, self.identity, self.init = teaching.device, identity, init
        self.total_steps = recipe.epochs * stream.steps_per_epoch
        self.validation, self.compiled, self.show = validation, compiled, show
        self._losses = self._fast("the losses", self._measured)
        judge = None if validation is None else validation.identity
        self._checkpoints = Checkpoints(folder, identity, recipe, judge)
        self._watch = Watch(recipe, stream, self.total_steps)

    def train(self, stops: Sequence[str] = ()) -> nn.Module:
        """Train to the last epoch, from the checkpoint if there is one; returns the model that is
        kept.

        `stops` lists the signals that ask to stop, as they come: then the step is finished, a
        checkpoint is written, and StoppedError is raised. Raises ValueError for a loss or a weight
        that is not finite.
        """
        run = self.start()
        self._show(run)  # a kill may have come before it
        done = self._steps(run)
        bar = tqdm(total=self.total_steps, initial=done, unit="step", mininterval=5)
        with logging_redirect_tqdm(), bar:
            self._validate(run, stops)  # for a process that ended before it could
            while run.epoch < self.recipe.epochs:
                weights = self.objective.weights(run.epoch / self.recipe.epochs)
                run.tally.resume()
                for batch in run.tally.timed(self.stream.epoch(run.epoch, run.tally.steps)):
                    self.step(run, batch, weights)
                    self._keep(run, bar, stops)
                self._validate(run, stops)
        if self.recipe.keep == "best":
            assert run.best is not None
            run.judged.load_state_dict(run.best.weights)
        return run.judged

    def _keep(self, run: Run, bar: tqdm, stops: Sequence[str]) -> None:
        """After a step: the row of an epoch that has ended, the checkpoint and the bar."""
        tally, step = run.tally, self._steps(run)
        ended = tally.steps == self.stream.steps_per_epoch
        if ended or tally.due:
            tally.fetch()
            bar.set_postfix(tally.shown(), refresh=False)
        if ended:
            run.history.append(tally.row(run.epoch))
            run.epoch, run.tally = run.epoch + 1, Tally()
            self._watch.look(run.history[-1], whole=tally.whole)
        if stops or self._checkpoints.due(run):
            self._save(run)
        if stops and step < self.total_steps:
            raise self._stopped(run, stops)
        bar.update()

    def _validate(self, run: Run, stops: Sequence[str]) -> None:
        """Score the epoch that has just ended, if that is due and was not done."""
        if self.validation is None or run.tally.steps or not self.validation.due(run.epoch):
            return
        row = run.history[-1]
        if any(name.startswith(history.VALIDATED) for name in row):
            return
        scores = self.validation.scores(run.judged, stops)
        if scores is None:
            self._save(run)
            raise self._stopped(run, stops)
        row |= {history.VALIDATED + name: score for name, score in scores.items()}
        found = Best.of(run.judged, run.epoch, scores)
        if run.best is None or found.score > run.best.score:
            run.best = found
        told = ", ".join(f"{name} {score:.1f}" for name, score in scores.items())
        best = f"best: {run.best.score:.1f} after epoch {run.best.epoch}"
        logger.info("epoch %d: %s; mean %.1f, %s", run.epoch, told, found.score, best)
        self._save(run)

    def _save(self, run: Run) -> None:
        self._checkpoints.save(run)
        self._show(run)

    def _show(self, run: Run) -> None:
        if self.show is not None and run.history:
            self.show(run.history)

    def _stopped(self, run: Run, stops: Sequence[str]) -> StoppedError:
        return StoppedError(f"{stops[0]} after step {self._steps(run)} of {self.total_steps}")

    def _steps(self, run: Run) -> int:
        """How many steps a run has taken."""
        return run.epoch * self.stream.steps_per_epoch + run.tally.steps

    def step(self, run: Run, batch: Batch, weights: Mapping[str, float]) -> None:
        """One optimiser step; its values stay on the device until they are fetched."""
        recipe, step = self.recipe, self._steps(run)
        rate = schedule.learning_rate(
            step,
            self.total_steps,
            base=recipe.lr,
            warmup_steps=recipe.warmup_steps,
            final_ratio=recipe.final_lr_ratio,
        )
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        images, truth, targets = self.teaching.prepare(batch, step, run.epoch)
        # bfloat16 on CUDA only: on a CPU it is slower than float32.
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            simcc_x, simcc_y = run.forward(images)
        parts, spread = self._losses(simcc_x, simcc_y, truth, targets)
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            run.model.parameters(), recipe.clip or float("inf"), foreach=True
        )
        run.optimizer.step()
        if run.average is not None:
            assert recipe.ema is not None
            _blend(run.average, run.model, schedule.ema_momentum(step, recipe.ema))
        run.tally.note(step, rate, {**parts, history.LOSS: loss, history.NORM: norm, **spread})

    def _measured(
        self, simcc_x: Tensor, simcc_y: Tensor, truth: Truth, targets: Mapping[str, TeacherTarget]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The loss's unweighted parts, and how far predictions and targets vary."""
        parts = self.objective.parts(simcc_x.float(), simcc_y.float(), truth, targets)
        return parts, spreads((simcc_x, simcc_y), truth, targets, self.objective.beta)

    def _fast(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return Compiled(what, function) if self.compiled else function

    def start(self) -> Run:
        """A fresh run, or the one that the checkpoint holds."""
        torch.manual_seed(self.recipe.seed)
        model = self._network()
        if self.init is not None:
            load_into(model, Path(self.init.weights), self.init.part)
        average = None
        if self.recipe.ema is not None:
            average = self._network()
            average.load_state_dict(model.state_dict())
        forward, optimizer = self._fast("the network", model), _optimizer(model, self.recipe)
        run = Run(model=model, forward=forward, average=average, optimizer=optimizer)
        self._checkpoints.load(run)
        run.model.train()
        return run

    def _network(self) -> nn.Module:
        model = self.network()
        # Convolutions are faster with channels last. On a CPU, a step takes a fifth to a third less
        # time too, but batch norm then sums in single precision: RTMPose-t's gradients at a batch
        # of 32 are off by 4e-3, where they else are by 1e-5, and more at a larger batch.
        if self.device.type == "cuda":
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.to(self.device)


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW without decay on norm layers and biases.

    Source: MMEngine's DefaultOptimWrapperConstructor with norm_decay_mult=0 and bias_decay_mult=0.
    All else decays, so RTMPose's ScaleNorm gain and residual scale do.
    """
    spared = {
        parameter
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, NORMS) or name == "bias"
    }
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p not in spared]},
        {"params": [p for p in model.parameters() if p in spared], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)


@torch.no_grad()
def _blend(average: torch.nn.Module, model: torch.nn.Module, momentum: float) -> None:
    """Move the averaged weights and buffers towards the model's by `momentum`."""
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    floats = [(a, m) for a, m in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [m for _, m in floats], momentum)
