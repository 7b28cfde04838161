"""One explicit training loop: rate, forward, losses, finite check, clip, step, EMA, log.

The loop knows neither architectures nor teachers: it is given a factory of networks, and batches
that `teaching` has prepared.
"""

import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from tqdm.contrib.logging import logging_redirect_tqdm

from posecache.models.checkpoint import load_into
from posecache.progress import Bar
from posecache.stage import StoppedError
from posecache.threads import one_ahead
from posecache.training import history, schedule
from posecache.training.batch import Batch
from posecache.training.checkpoints import Best, Checkpoints, Run
from posecache.training.compiling import Compiled
from posecache.training.finished_head import TwoHeads, target
from posecache.training.freezing import freeze
from posecache.training.history import Tally
from posecache.training.losses import Objective, TeacherTarget, Truth
from posecache.training.ranks import Ranks
from posecache.training.recipe import ITSELF, Frozen, Init, Recipe
from posecache.training.refining import Progress
from posecache.training.stream import Stream
from posecache.training.teaching import Teaching
from posecache.training.watching import Watch, spreads

if TYPE_CHECKING:
    from posecache.training.validation import Validation  # COCO's evaluation is not everywhere

ALONE = Ranks()
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
        progress: Progress | None = None,
        init: Init | None = None,
        frozen: Sequence[Frozen] = (),
        ranks: Ranks = ALONE,
        validation: "Validation | None" = None,
        compiled: bool = False,
        show: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
    ) -> None:
        """`network` makes a fresh network; `progress` measures its poses, where it is a refined
        one; `init` names a file of weights to start from, at which the `frozen` parts stay; `ranks`
        are the processes that share the run, each with its part of the stream, of which the first
        validates and shows; `compiled`: the network and the losses are, where PyTorch can; `show`
        is given the history whenever it is saved."""
        self.recipe, self.objective, self.teaching = recipe, objective, teaching
        self.stream, self.network, self.folder = stream, network, folder
        self.device, self.identity, self.progress = teaching.device, identity, progress
        self.init, self.frozen = init, frozen
        self.ranks = ranks
        self.total_steps = recipe.epochs * stream.steps_per_epoch
        self.validation, self.show = validation, show
        self.compiled = compiled and ranks.world == 1
        if compiled and not self.compiled:
            logger.warning("warning: a run that several processes share is not compiled")
        self._losses = self._fast("the losses", self._measured)
        judge = None if validation is None else validation.identity
        self._checkpoints = Checkpoints(folder, identity, recipe, judge)
        self._watch = Watch(recipe, stream, self.total_steps)

    def train(self, stops: Sequence[str] = ()) -> nn.Module:
        """Train to the last epoch, from the checkpoint if there is one; returns the model that is
        kept.

        `stops` lists the signals that ask to stop, as they come: then the step is finished, a
        checkpoint is written, and StoppedError is raised. Raises ValueError for a loss or a weight
        that is not finite, LostError where another of the run's processes has ended.
        """
        self.stream.open()
        run = self.start()
        self.ranks.check_same(run.model, self._steps(run))
        self._show(run)  # a kill may have come before it
        bar = Bar(self.total_steps, "step", initial=self._steps(run), disable=not self.ranks.first)
        with logging_redirect_tqdm(), bar:
            self._validate(run, stops)  # for a process that ended before it could
            while run.epoch < self.recipe.epochs:
                weights = self.objective.weights(run.epoch / self.recipe.epochs)
                run.tally.resume()
                batches = self.stream.epoch(run.epoch, run.tally.steps)
                if self.device.type == "cuda":
                    batches = one_ahead(batches)
                for batch in run.tally.timed(batches):
                    self.step(run, batch, weights)
                    self._keep(run, bar, stops)
                self._validate(run, stops)
        return self._kept(run)

    def _keep(self, run: Run, bar: Bar, stops: Sequence[str]) -> None:
        """After a step: the row of an epoch that has ended, the checkpoint and the bar."""
        tally, step = run.tally, self._steps(run)
        old = self.ranks.first and self._checkpoints.overdue
        asked = (_number(stops), tally.due, old, tally.waited)
        stop, fetch, overdue, tally.waited = self.ranks.largest(*asked)
        ended = tally.steps == self.stream.steps_per_epoch
        if ended or fetch or overdue or stop:
            tally.fetch(self.ranks.sum)
            bar.set_postfix(tally.shown(), refresh=False)
        if ended:
            run.history.append(tally.row(run.epoch))
            run.epoch, run.tally = run.epoch + 1, Tally()
            self._watch.look(run.history[-1], whole=tally.whole)
        if self.ranks.first and (stop or overdue or self._checkpoints.due(run)):
            self._save(run)
        if stop and step < self.total_steps:
            raise self._stopped(run, int(stop))
        bar.update()

    def _validate(self, run: Run, stops: Sequence[str]) -> None:
        """Score the epoch that has just ended, if that is due and was not done."""
        if self.validation is None or not self.ranks.first:
            return
        if run.tally.steps or not self.validation.due(run.epoch):
            return
        row = run.history[-1]
        if any(name.startswith(history.VALIDATED) for name in row):
            return
        scores = self.validation.scores(run.judged, stops)
        if scores is None:
            self._save(run)
            raise self._stopped(run, _number(stops))
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
        if self.show is not None and self.ranks.first and run.history:
            self.show(run.history)

    def _stopped(self, run: Run, number: int) -> StoppedError:
        name = signal.Signals(number).name
        return StoppedError(f"{name} after step {self._steps(run)} of {self.total_steps}")

    def _kept(self, run: Run) -> nn.Module:
        """The network that a run keeps, as its factory makes it: the batch norms are its own."""
        weights: Mapping[str, Tensor] = run.judged.state_dict()
        if self.recipe.keep == "best" and self.ranks.first:
            assert run.best is not None
            weights = run.best.weights
        model = self._network()
        model.load_state_dict(weights)
        return model

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
            outputs = run.forward(images)
        parts, spread = self._losses(outputs, truth, targets, batch.total)
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.share_gradients(run.model)
        norm = torch.nn.utils.clip_grad_norm_(
            run.model.parameters(), recipe.clip or float("inf"), foreach=True
        )
        run.optimizer.step()
        if run.average is not None:
            assert recipe.ema is not None
            _blend(run.average, run.model, schedule.ema_momentum(step, recipe.ema))
        # Of all processes' values the sum is taken.
        norm = norm / self.ranks.world
        run.tally.note(step, rate, {**parts, history.LOSS: loss, history.NORM: norm, **spread})

    def _measured(
        self,
        outputs: Sequence[Tensor],
        truth: Truth,
        targets: Mapping[str, TeacherTarget],
        total: int,
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The loss's unweighted parts, and how far predictions and targets vary."""
        simcc_x, simcc_y, *others = (output.float() for output in outputs)
        logits = simcc_x, simcc_y
        if self.objective.heeds_itself:
            targets = {**targets, ITSELF: target(others, self.objective.beta)}
        if self.progress is None:
            parts = self.objective.parts(*logits, truth, targets, total)
        else:
            parts = self.progress.parts(others[0], truth, targets, total)
        return parts, spreads(logits, truth, targets, self.objective.beta, self.ranks.sum)

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
        model = self.ranks.share_statistics(model)
        model.train()
        freeze(model, self.frozen)
        network = TwoHeads(model, self._finished()) if self.objective.heeds_itself else model
        forward, optimizer = self._fast("the network", network), _optimizer(model, self.recipe)
        run = Run(model=model, forward=forward, average=average, optimizer=optimizer)
        self._checkpoints.load(run)
        if self.ranks.first and run.history:
            self._checkpoints.keep(run.best)  # a kill may have come before it
        return run

    def _finished(self) -> nn.Module:
        """The network that the run starts from, whose head teaches."""
        assert self.init is not None
        model = self._network()
        load_into(model, Path(self.init.weights), "whole")
        return model

    def _network(self) -> nn.Module:
        model = self.network()
        # Convolutions are faster with channels last. On a CPU, a step takes a fifth to a third less
        # time too, but batch norm then sums in single precision: RTMPose-t's gradients at a batch
        # of 32 are off by 4e-3, where they else are by 1e-5, and more at a larger batch.
        if self.device.type == "cuda":
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.to(self.device)


def _number(stops: Sequence[str]) -> int:
    """The first of the signals; 0 if there is none."""
    return signal.Signals[stops[0]].value if stops else 0


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
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learning if p not in spared]},
        {"params": [p for p in learning if p in spared], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)


@torch.no_grad()
def _blend(average: torch.nn.Module, model: torch.nn.Module, momentum: float) -> None:
    """Move the averaged weights and buffers towards the model's by `momentum`."""
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    floats = [(a, m) for a, m in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [m for _, m in floats], momentum)
