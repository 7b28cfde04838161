"""How fast models run and train: as the configuration states, as measured earlier, or guessed."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from posecache.config.stages import Stages
from posecache.estimates.networks import network
from posecache.logits.settings import Views
from posecache.runs import student_of
from posecache.stores.manifest import MANIFEST

Stage: TypeAlias = Literal["cache", "train"]

# GFLOPs/s of forward passes, where nothing is known: guesses for a core and for a GPU. A step of
# training counts as three passes.
GUESSED = {("cache", "cpu"): 10.0, ("train", "cpu"): 5.0,
           ("cache", "cuda"): 3000.0, ("train", "cuda"): 2500.0}  # fmt: skip
PASSES_A_SAMPLE = {"cache": 1, "train": 3}
HISTORY = "history.csv"  # as training/history.py writes it, which would import torch
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True)
class Speed:
    """Crops a model is run over, or samples it is trained on, in a second."""

    a_second: float
    known: str  # stated, measured, measured (of another model) or guessed


class Runtime(Struct):
    """How a store was made."""

    num_rows: int
    seconds_elapsed: float
    provider: str | list[str]


class Identity(Struct):
    """How often a model looked."""

    flip: bool
    views: dict[str, object]


class Cache(Struct):
    """What is read of a logit store's manifest."""

    runtime: Runtime
    identity: Identity

    @property
    def crops(self) -> int:
        """Forward passes of one crop."""
        looks = Views.model_validate(self.identity.views).looks
        return self.runtime.num_rows * looks * (1 + self.identity.flip)


@dataclass(frozen=True)
class Speeds:
    """The speeds of an experiment's models."""

    stages: Stages

    def of(self, stage: Stage, model: str) -> Speed:
        """A model's speed, of another one if only that was measured, by the networks' sizes."""
        stated = getattr(self.stages.config.compute.speeds, stage).get(student_of(model))
        if stated is not None:
            return Speed(stated, "stated")
        measured = self.measured[stage]
        if model in measured:
            return Speed(measured[model], "measured")
        gflops = self._gflops(model)
        if measured:
            other = min(measured, key=lambda name: self._unlike(name, model))
            return Speed(measured[other] * self._gflops(other) / gflops, f"measured of {other}")
        compute = self.stages.config.compute
        workers = compute.threads if compute.device == "cpu" else 1
        workers *= self.stages.config.gpus(model) if stage == "train" else 1
        rate = GUESSED[stage, compute.device] / PASSES_A_SAMPLE[stage]
        return Speed(rate * workers / gflops, "guessed")

    def _gflops(self, model: str) -> float:
        return network(self.stages.config, model).gflops

    def _unlike(self, model: str, other: str) -> tuple[float, int]:
        """How unlike two models are: their networks' sizes, then the numbers of their teachers."""
        sizes = self._gflops(model), self._gflops(other)
        config = self.stages.config
        teachers = [len(config.teachers_of(name)) for name in (model, other)]
        return max(sizes) / min(sizes), abs(teachers[0] - teachers[1])

    @cached_property
    def measured(self) -> Mapping[Stage, Mapping[str, float]]:
        """What earlier runs of this experiment's models measured."""
        found: dict[Stage, dict[str, float]] = {"cache": {}, "train": {}}
        for model in self.stages.config.models:
            caches = list(self._caches(model))
            if caches:
                seconds = sum(cache.runtime.seconds_elapsed for cache in caches)
                found["cache"][model] = sum(cache.crops for cache in caches) / seconds
            trained = _trained(Path(self.stages.places.model(model), HISTORY))
            if trained is not None:
                found["train"][model] = trained
        return found

    def _caches(self, model: str) -> Iterator[Cache]:
        """The stores that a model filled on such a device as is asked for."""
        provider = PROVIDERS[self.stages.config.compute.device]
        for root in self.stages.places.roots:
            for path in Path(root, "logits", model).glob(f"*/{MANIFEST}"):
                with suppress(msgspec.DecodeError):  # of another format: it tells no speed
                    cache = msgspec.json.decode(path.read_bytes(), type=Cache)
                    if cache.runtime.provider == provider:
                        yield cache


def _trained(history: Path) -> float | None:
    """Samples/s of a training run, over all of its epochs."""
    if not history.is_file():
        return None
    with history.open() as file:
        epochs = list(csv.DictReader(file))
    seconds = [float(epoch["seconds"]) for epoch in epochs]
    samples = [float(epoch["seconds"]) * float(epoch["samples_per_s"]) for epoch in epochs]
    return sum(samples) / sum(seconds) if epochs else None
