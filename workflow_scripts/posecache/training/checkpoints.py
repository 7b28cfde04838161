"""A training run's state on disk: checkpoint.pt, from which a run goes on to the same bits.

Beside it lie history.csv and, once the run was validated, best.pt and best.json.
"""

import io
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posecache import files
from posecache.models.checkpoint import as_bytes
from posecache.training.history import HISTORY, Tally, as_csv
from posecache.training.recipe import Recipe

CHECKPOINT, BEST, ABOUT_BEST = "checkpoint.pt", "best.pt", "best.json"
FORMAT = 2  # of checkpoint.pt

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Best:
    """The state with the highest mean score of all that were validated; of equal ones the first."""

    epoch: int  # after which it was
    scores: Mapping[str, float]  # by benchmark
    weights: Mapping[str, Tensor]  # of the network that was scored, on the CPU

    @staticmethod
    def of(model: nn.Module, epoch: int, scores: Mapping[str, float]) -> "Best":
        """A model as it is now."""
        state = model.state_dict().items()
        return Best(epoch, scores, {name: weight.to("cpu", copy=True) for name, weight in state})

    @cached_property
    def score(self) -> float:
        """The mean over the benchmarks."""
        return sum(self.scores.values()) / len(self.scores)

    @property
    def about(self) -> dict[str, Any]:
        """All but the weights."""
        return {"epoch": self.epoch, "score": self.score, "scores": dict(self.scores)}


@dataclass
class Run:
    """All mutable state of a training run, but for PyTorch's own random numbers."""

    model: nn.Module
    forward: Callable[..., Any]  # the model's, perhaps compiled
    average: nn.Module | None
    optimizer: torch.optim.AdamW
    epoch: int = 0  # finished ones
    history: list[dict[str, float]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)  # of the epoch in hand
    best: Best | None = None

    @property
    def judged(self) -> nn.Module:
        """The network that is scored, and kept at the end."""
        return self.average or self.model


class Checkpoints:
    """When a run is saved, and where."""

    def __init__(
        self, folder: Path, identity: str, recipe: Recipe, validation: str | None = None
    ) -> None:
        """`validation` is the identity of what the run is validated on, if it is."""
        self.folder, self.identity, self.recipe = folder, identity, recipe
        self.validation = validation
        self._kept: Best | None = None  # that best.pt holds
        self._saved = time.monotonic()

    @property
    def overdue(self) -> bool:
        """Whether the last checkpoint is old."""
        return time.monotonic() - self._saved >= 60 * self.recipe.checkpoint_minutes

    def due(self, run: Run) -> bool:
        """Whether a run that has just taken a step is to be saved for the epoch that it ended."""
        ended = run.tally.steps == 0
        last = run.epoch == self.recipe.epochs
        return ended and (last or run.epoch % self.recipe.checkpoint_epochs == 0)

    def save(self, run: Run) -> None:
        """history.csv, checkpoint.pt, and what the best state so far is, each whole or not at all.

        Raises ValueError for a loss or a weight that is not finite: what stands is kept.
        """
        run.tally.fetch()
        for name, value in _states(run):
            if not value.isfinite().all():
                done = f"{run.epoch} epochs and {run.tally.steps} steps"
                raise ValueError(f"after {done}: {name} is not finite")
        progress = {"epoch": run.epoch, "history": run.history, "tally": run.tally.record()}
        about = {"validation": self.validation, "best": run.best and run.best.about}
        record: dict[str, Any] = {
            "model": run.model.state_dict(),
            "average": run.average.state_dict() if run.average is not None else None,
            "optimizer": run.optimizer.state_dict(),
            "best": run.best and dict(run.best.weights),
            "random": _random_state(),
            "meta": json.dumps({"format": FORMAT, "identity": self.identity, **progress, **about}),
        }
        buffer = io.BytesIO()
        torch.save(record, buffer)
        if run.history:
            files.write_atomically(self.folder / HISTORY, as_csv(run.history))
        files.write_atomically(self.folder / CHECKPOINT, buffer.getvalue())
        self.keep(run.best)
        self._saved = time.monotonic()
        run.tally.resume()

    def keep(self, best: Best | None) -> None:
        """Let best.pt and best.json hold the best state."""
        if best is None:  # they are an earlier run's
            for name in (ABOUT_BEST, BEST):
                (self.folder / name).unlink(missing_ok=True)
        elif best is not self._kept:
            files.write_atomically(self.folder / BEST, as_bytes(best.weights))
            files.write_json(self.folder / ABOUT_BEST, best.about)
        self._kept = best

    def load(self, run: Run) -> None:
        """Let a fresh run be the one that was saved; it stays fresh if that is another one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        record = torch.load(path, map_location="cpu", weights_only=True)
        meta = json.loads(record["meta"])
        if (meta.get("format"), meta["identity"]) != (FORMAT, self.identity):
            what = "recipe or other data" if meta.get("format") == FORMAT else "version"
            logger.info("%s is of another %s: training starts from the beginning", path, what)
            return
        # Checkpoints of runs that could not be validated yet do not say so.
        same = meta.get("validation") == self.validation
        if self.recipe.keep == "best" and not same:
            logger.info("%s was not validated like this: training starts from the beginning", path)
            return
        if same and record.get("best") is not None:
            run.best = Best(meta["best"]["epoch"], meta["best"]["scores"], record["best"])
        run.model.load_state_dict(record["model"])
        run.optimizer.load_state_dict(record["optimizer"])
        if run.average is not None:
            run.average.load_state_dict(record["average"])
        _set_random_state(record["random"])
        run.epoch, run.history = meta["epoch"], meta["history"]
        run.tally = Tally(**meta["tally"])
        done, steps = f"{run.epoch} of {self.recipe.epochs} epochs", run.tally.steps
        logger.info("goes on from %s%s", done, f" and {steps} steps" if steps else "")


def _states(run: Run) -> Iterator[tuple[str, Tensor]]:
    """Every number of the networks that may not be finite, with its name."""
    for module in (run.model, run.average):
        state = {} if module is None else module.state_dict()
        yield from ((name, value) for name, value in state.items() if value.is_floating_point())


def _random_state() -> dict[str, Tensor]:
    """What a network's own draws, as dropout's, come from."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: dict[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["cuda"])
