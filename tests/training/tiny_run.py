"""A tiny training run, and the parts that it is made of."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from posecache import skeletons
from posecache.models.networks import NETWORKS
from posecache.models.networks.refined import Refining
from posecache.models.settings import Refine
from posecache.training.losses import Objective
from posecache.training.recipe import Distil, Init, Recipe
from posecache.training.refining import Progress
from posecache.training.shares import Share
from posecache.training.stream import WHOLE, Stream, TrainingSet
from posecache.training.teaching import Teacher, Teaching
from posecache.training.trainer import Trainer

RECIPE = {
    "variant": {"deepen": 0.1, "widen": 0.0625, "stride": 16},
    "input_size": [32, 32],
    "epochs": 3,
    "batch_size": 5,
    "lr": 1e-3,
    "warmup_steps": 2,
    "checkpoint_epochs": 1,
    "ema": 0.01,
}
SKELETON = skeletons.load("coco17+mpii16")


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate(RECIPE | changes)


def stream(
    data: TrainingSet, how: Recipe, kind: type[Stream] = Stream, share: Share = WHOLE
) -> Stream:
    return kind(
        [data], SKELETON, share=share,
        batch_size=how.batch_size, drop_last=how.drop_last, seed=how.seed, memory_mb=10,
    )  # fmt: skip


def teaching(
    data: TrainingSet, how: Recipe, device: str = "cpu", kind: type[Teaching] = Teaching
) -> Teaching:
    teachers = {
        name: Teacher.of(store, skeletons.load(store.skeleton))
        for name, store in data.logits.items()
    }
    return kind(how, SKELETON, teachers, device)


def trainer(
    data: TrainingSet,
    folder: Path,
    *,
    identity: str = "a",
    init: Init | None = None,
    device: str = "cpu",
    compiled: bool = False,
    refine: Refine | None = None,
    streams: type[Stream] = Stream,
    teachings: type[Teaching] = Teaching,
    **changes: Any,
) -> Trainer:
    """A run over one sample set; each of its teachers has a beta of 0.5."""
    how = recipe(**changes)
    size = (how.variant, SKELETON.num_keypoints, how.input_size)
    network: Callable[[], nn.Module] = partial(NETWORKS[how.network].build, *size)
    distil, progress = Distil(alpha=0.3, teachers=dict.fromkeys(data.logits, 0.5)), None
    if refine is not None:
        network = Refining(coarse=network, refine=refine, skeleton=SKELETON)
        progress = Progress(distil=distil, steps=refine.weights, input_size=how.input_size)
    return Trainer(
        how,
        Objective(distil=distil),
        teaching(data, how, device, teachings),
        stream(data, how, streams),
        network,
        folder,
        identity=identity,
        progress=progress,
        init=init,
        compiled=compiled,
    )


def weights(model: nn.Module) -> torch.Tensor:
    """All weights and buffers in one vector."""
    return torch.cat([v.flatten().double() for v in model.state_dict().values()])
