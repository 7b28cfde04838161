"""One explicit training loop: rate, forward, losses, finite check, clip, step, EMA, log."""

import csv
import io
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from posecache import files, geometry, simcc, views
from posecache.models import RTMPose, Variant
from posecache.models.card import IMAGENET_MEAN, IMAGENET_STD
from posecache.models.mmpose_checkpoint import load_backbone
from posecache.recipe import Recipe
from posecache.skeletons import Skeleton
from posecache.training import augment, pixels, schedule
from posecache.training.losses import Objective, TeacherTarget, Truth
from posecache.training.stream import Columns, Stream

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """All mutable state of a training run."""

    model: RTMPose
    average: RTMPose | None
    optimizer: torch.optim.AdamW
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Trains one student; `folder` holds checkpoint.pt and history.csv."""

    def __init__(
        self,
        recipe: Recipe,
        objective: Objective,
        teachers: Mapping[str, Skeleton],
        stream: Stream,
        folder: Path,
        *,
        device: str,
        identity: str,
        init: Path | None = None,
    ) -> None:
        """`init` is a checkpoint whose backbone the run starts from.

        Raises ValueError for a teacher that knows more than the student's skeleton, and for a
        replay of no teacher's crops.
        """
        self.recipe, self.objective, self.stream = recipe, objective, stream
        self.device, self.folder, self.identity = torch.device(device), folder, identity
        self.init = init
        self.skeleton = stream.skeleton
        self.sigma = recipe.sigma or simcc.default_sigma(recipe.input_size)
        self.teachers = teachers
        self.seen = {name: store.input_size for name, store in stream.sets[0].logits.items()}
        if recipe.geometry == "replay" and not teachers:
            raise ValueError("geometry: replay needs a teacher, whose crops the student sees")
        self.indices = {
            name: torch.as_tensor(self._places(name, teacher), device=self.device)
            for name, teacher in teachers.items()
        }
        self.total_steps = recipe.epochs * stream.steps_per_epoch
        self.mean = torch.tensor(IMAGENET_MEAN, device=self.device).view(1, 3, 1, 1)
        self.std = torch.tensor(IMAGENET_STD, device=self.device).view(1, 3, 1, 1)

    def _places(self, name: str, teacher: Skeleton) -> np.ndarray:
        """The student's index of each of a teacher's keypoints."""
        mine, theirs = self.skeleton.indices_in(teacher)
        if len(mine) != teacher.num_keypoints:
            raise ValueError(
                f"teacher {name} predicts {teacher.name}, of which the student's skeleton "
                f"{self.skeleton.name} has only {len(mine)} of {teacher.num_keypoints} keypoints"
            )
        return mine[np.argsort(theirs)]

    def train(self) -> RTMPose:
        """Train to the last epoch, from the newest checkpoint if there is one; the final model."""
        run = self._start()
        steps = self.stream.steps_per_epoch
        with tqdm(total=self.total_steps, initial=run.epoch * steps, mininterval=5) as bar:
            while run.epoch < self.recipe.epochs:
                run.history.append(self._epoch(run, bar))
                run.epoch += 1
                last = run.epoch == self.recipe.epochs
                if last or run.epoch % self.recipe.checkpoint_epochs == 0:
                    self._save(run)
        return run.average or run.model

    def _epoch(self, run: Run, bar: tqdm) -> dict[str, float]:
        """One pass over the data; the epoch's row of history.csv."""
        run.model.train()
        totals: dict[str, float] = {}
        waited, started = 0.0, time.perf_counter()
        weights = self.objective.weights(run.epoch / self.recipe.epochs)
        batches = self.stream.epoch(run.epoch)
        for index in range(self.stream.steps_per_epoch):
            before = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - before
            step = run.epoch * self.stream.steps_per_epoch + index
            for name, value in self._step(run, batch, step, weights).items():
                totals[name] = totals.get(name, 0.0) + value
            bar.update()
        seconds = time.perf_counter() - started
        count = self.stream.steps_per_epoch
        row: dict[str, float] = {"epoch": run.epoch + 1, "step": (run.epoch + 1) * count}
        row |= {name: total / count for name, total in totals.items()}
        row |= {"seconds": seconds, "data_wait": waited}
        row["samples_per_s"] = count * self.recipe.batch_size / seconds
        bar.set_postfix(loss=f"{row['loss']:.4f}", refresh=False)
        return row

    def _step(
        self, run: Run, batch: Columns, step: int, weights: Mapping[str, float]
    ) -> dict[str, float]:
        """One optimiser step; the rate, each loss part, their sum, the gradient norm."""
        recipe = self.recipe
        rate = schedule.learning_rate(
            step,
            self.total_steps,
            base=recipe.lr,
            warmup_steps=recipe.warmup_steps,
            final_ratio=recipe.final_lr_ratio,
        )
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        images, truth, targets = self.prepare(batch, step)
        # bfloat16 on CUDA only: on a CPU it is slower than float32.
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            simcc_x, simcc_y = run.model(images)
        parts = self.objective.parts(simcc_x.float(), simcc_y.float(), truth, targets)
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            run.model.parameters(), recipe.clip or float("inf"), foreach=True
        )
        if not torch.isfinite(loss + norm):
            found = {name: part.item() for name, part in parts.items()}
            raise ValueError(f"step {step}: loss {found}, gradient norm {norm.item()}: not finite")
        run.optimizer.step()
        if run.average is not None:
            assert recipe.ema is not None
            _blend(run.average, run.model, schedule.ema_momentum(step, recipe.ema))
        logged = {name: part.item() for name, part in parts.items()}
        return {"lr": rate, **logged, "loss": loss.item(), "grad_norm": norm.item()}

    def prepare(self, batch: Columns, step: int) -> tuple[Tensor, Truth, dict[str, TeacherTarget]]:
        """Augmented, normalised input (B, 3, H, W), labels and teachers in the same crop."""
        recipe = self.recipe
        varied = recipe.augmentation_at(step // self.stream.steps_per_epoch)
        rng, view = np.random.default_rng([recipe.seed, step, 2]), None
        if recipe.geometry == "replay":
            matrix, view = self._replayed(batch, rng)
        else:
            matrix = augment.draw_matrices(
                torch.from_numpy(batch["box"]),
                torch.from_numpy(batch["keypoints"]),
                self.skeleton,
                varied,
                recipe.padding,
                recipe.input_size,
                rng,
            )
        crops = torch.from_numpy(batch["crops"]).to(self.device, non_blocking=True)
        crop_matrix = torch.from_numpy(batch["crop_matrix"]).double()
        images = augment.warp(crops, crop_matrix, matrix, recipe.input_size)
        images = pixels.augment(images, varied, np.random.default_rng([recipe.seed, step, 3]))
        images = (images - self.mean) / self.std
        targets = {name: self._target(name, batch, matrix, view) for name in self.teachers}
        return images, self._truth(batch, matrix), targets

    def _replayed(self, batch: Columns, rng: np.random.Generator) -> tuple[Tensor, np.ndarray]:
        """One of the first teacher's views, drawn for each sample: the crop (B, 2, 3), which (B,).

        Raises ValueError if the teachers were cached under unlike numbers of views.
        """
        counts = {name: batch[f"{name}/matrix"].shape[1] for name in self.teachers}
        if len(set(counts.values())) > 1:
            raise ValueError(f"geometry: replay: teachers with unlike numbers of views: {counts}")
        first, count = next(iter(counts.items()))
        matrices = torch.from_numpy(batch[f"{first}/matrix"])
        chosen = rng.integers(0, count, len(matrices))
        view = matrices[torch.arange(len(matrices)), torch.from_numpy(chosen)]
        crop = geometry.compose(geometry.resize(self.seen[first], self.recipe.input_size), view)
        return crop, chosen

    def _truth(self, batch: Columns, matrix: Tensor) -> Truth:
        """Labels in the student's crop; a mirrored crop has left and right swapped."""
        keypoints = geometry.apply(matrix, torch.from_numpy(batch["keypoints"]).double())
        order = simcc.swap_order(self.skeleton.num_keypoints, self.skeleton.flip_pairs)
        mirrored = torch.linalg.det(matrix[:, :, :2]) < 0
        keypoints = torch.where(mirrored[:, None, None], keypoints[:, order], keypoints).float()
        labelled = (~keypoints.isnan().any(-1)).float()
        keypoints = keypoints.to(self.device)
        label_x, label_y, weight = simcc.encode(
            keypoints, labelled.to(self.device), self.recipe.input_size, self.sigma
        )
        return Truth(
            label_x=label_x, label_y=label_y, keypoints=keypoints.nan_to_num(), weight=weight
        )

    def _target(
        self, name: str, batch: Columns, matrix: Tensor, view: np.ndarray | None = None
    ) -> TeacherTarget:
        """A teacher's cached logits of a view, or the least turned one, in the student's crop."""
        matrices = torch.from_numpy(batch[f"{name}/matrix"])
        rows = np.arange(len(matrices))
        if view is None:
            view = views.nearest(matrix, matrices).numpy()
        to_student = geometry.compose(matrix, geometry.invert(matrices[rows, view]))
        prob_x, prob_y, mass = simcc.transport(
            torch.from_numpy(batch[f"{name}/x"][rows, view]).to(self.device).float(),
            torch.from_numpy(batch[f"{name}/y"][rows, view]).to(self.device).float(),
            to_student,
            self.recipe.input_size,
            self.teachers[name].flip_pairs,
        )
        return TeacherTarget(prob_x=prob_x, prob_y=prob_y, weight=mass, indices=self.indices[name])

    def _start(self) -> Run:
        """A fresh run, or the one that the checkpoint holds."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        model = self._network()
        if self.init is not None:
            load_backbone(self.init, model)
        average = None
        if recipe.ema is not None:
            average = self._network()
            average.load_state_dict(model.state_dict())
        run = Run(model=model, average=average, optimizer=_optimizer(model, recipe))
        path = self.folder / "checkpoint.pt"
        if path.exists():
            self._load(run, path)
        return run

    def _network(self) -> RTMPose:
        given = self.recipe.variant
        variant = given if isinstance(given, str) else Variant(**given.model_dump())
        model = RTMPose(variant, self.skeleton.num_keypoints, self.recipe.input_size)
        # Convolutions are faster with channels last, on CPUs too.
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.to(self.device)

    def _save(self, run: Run) -> None:
        """checkpoint.pt, whole or not at all, and history.csv."""
        record: dict[str, Any] = {
            "model": run.model.state_dict(),
            "average": run.average.state_dict() if run.average is not None else None,
            "optimizer": run.optimizer.state_dict(),
            "meta": json.dumps(
                {"identity": self.identity, "epoch": run.epoch, "history": run.history}
            ),
        }
        buffer = io.BytesIO()
        torch.save(record, buffer)
        files.write_whole(self.folder / "checkpoint.pt", buffer.getvalue())
        files.write_whole(self.folder / "history.csv", _as_csv(run.history))

    def _load(self, run: Run, path: Path) -> None:
        record = torch.load(path, map_location=self.device, weights_only=True)
        meta = json.loads(record["meta"])
        if meta["identity"] != self.identity:
            logger.info("%s is of another recipe or other data: training starts anew", path)
            return
        run.model.load_state_dict(record["model"])
        run.optimizer.load_state_dict(record["optimizer"])
        if run.average is not None:
            run.average.load_state_dict(record["average"])
        run.epoch, run.history = meta["epoch"], meta["history"]
        logger.info("resuming after epoch %d of %d", run.epoch, self.recipe.epochs)


def _optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW without decay on norms and biases, that is on parameters of one axis."""
    plain = [p for p in model.parameters() if p.ndim <= 1]
    decayed = [p for p in model.parameters() if p.ndim > 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)


@torch.no_grad()
def _blend(average: torch.nn.Module, model: torch.nn.Module, momentum: float) -> None:
    """Move the averaged weights and buffers towards the model's by `momentum`."""
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    floats = [(a, m) for a, m in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [m for _, m in floats], momentum)


def _as_csv(history: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: round(v, 6) for k, v in row.items()} for row in history)
    return text.getvalue()
