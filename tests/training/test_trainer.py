import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from posecache import geometry, logits, samples, simcc, skeletons
from posecache.recipe import Recipe
from posecache.training.losses import Objective
from posecache.training.stream import Stream, TrainingSet
from posecache.training.trainer import Trainer
from posecache.views import Views

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
PLACE = {"hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0, "dropout_prob": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    folder = tmp_path_factory.mktemp("data")
    store = samples.open(tiny.sample_folder(folder, crops=True))
    logits.cache(tiny.model_folder(folder / "model"), store.folder, folder / "logits")
    opened = logits.open(folder / "logits", samples=store)
    return TrainingSet(samples=store, logits={"teacher": opened})


def trainer(
    data: TrainingSet,
    folder: Path,
    identity: str = "a",
    init: Path | None = None,
    device: str = "cpu",
    **changes: Any,
) -> Trainer:
    recipe = Recipe.model_validate(RECIPE | changes)
    stream = Stream(
        [data],
        skeletons.load("coco17+mpii16"),
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        memory_mb=10,
    )
    objective = Objective(alpha=0.3, beta=dict.fromkeys(data.logits, 0.5))
    teachers = {name: skeletons.load("coco17") for name in data.logits}
    folder.mkdir(exist_ok=True)
    return Trainer(
        recipe, objective, teachers, stream, folder, device=device, identity=identity, init=init
    )


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([v.flatten().double() for v in model.state_dict().values()])


class StopError(Exception):
    """A run that ends as a killed one does, after its last checkpoint."""


def stop_after(run: Trainer, epoch: int) -> None:
    whole = run._epoch

    def stopping(state: Any, bar: Any) -> dict[str, float]:
        if state.epoch == epoch:
            raise StopError
        return whole(state, bar)

    run._epoch = stopping  # type: ignore[method-assign]


def test_a_resumed_run_ends_at_the_same_bits(data: TrainingSet, tmp_path: Path) -> None:
    whole = trainer(data, tmp_path / "whole").train()
    killed = trainer(data, tmp_path / "killed")
    stop_after(killed, 2)
    with pytest.raises(StopError):
        killed.train()
    resumed = trainer(data, tmp_path / "killed").train()
    assert torch.equal(weights(whole), weights(resumed))
    epochs = (tmp_path / "killed" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in epochs] == ["epoch", "1", "2", "3"]


def test_a_checkpoint_of_another_identity_is_not_resumed(data: TrainingSet, tmp_path: Path) -> None:
    trainer(data, tmp_path, epochs=1).train()
    again = trainer(data, tmp_path, identity="b", epochs=1)
    assert again._start().epoch == 0


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_history_has_every_part_and_their_weighted_sum(
    data: TrainingSet, tmp_path: Path, device: str
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    trainer(data, tmp_path, device=device).train()
    text = (tmp_path / "history.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        total = 0.3 * float(row["L_CK"]) + 0.7 * 0.5 * float(row["L_D/teacher"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-4)


def test_a_loss_that_is_not_finite_stops_before_the_step(data: TrainingSet, tmp_path: Path) -> None:
    run = trainer(data, tmp_path, lr=1e30, warmup_steps=0, epochs=8)
    with pytest.raises(ValueError, match=r"step \d+: loss .*: not finite"):
        run.train()
    path = tmp_path / "checkpoint.pt"
    if path.exists():
        record = torch.load(path, weights_only=True)
        assert json.loads(record["meta"])["epoch"] < 8


def test_a_mirrored_crop_has_left_and_right_swapped(data: TrainingSet, tmp_path: Path) -> None:
    """Labels and teacher of a mirrored crop are the mirror images of the plain crop's."""
    run = trainer(data, tmp_path)
    batch = next(run.stream.epoch(0))
    plain = geometry.box_matrices(batch["box"], (32, 32), 1.25)
    mirrored = geometry.compose(geometry.mirror(32), plain)
    pairs = run.skeleton.flip_pairs
    truth, swapped = run._truth(batch, plain), run._truth(batch, mirrored)
    order = simcc.swap_order(21, pairs)
    seen = (truth.weight > 0) & (swapped.weight[:, order] > 0)
    x, flipped = truth.keypoints[..., 0], swapped.keypoints[:, order, 0]
    np.testing.assert_allclose(x[seen], 31 - flipped[seen], atol=1e-4)
    target, mirror = run._target("teacher", batch, plain), run._target("teacher", batch, mirrored)
    order = simcc.swap_order(17, skeletons.load("coco17").flip_pairs)
    # Bin i lies at i / 2 px, its mirror image at 31 - i / 2 px, which is bin 62 - i.
    inside = target.prob_x[..., :63] * target.weight[..., None]
    image = mirror.prob_x[:, order, :63].flip(-1) * mirror.weight[:, order, None]
    np.testing.assert_allclose(inside, image, atol=1e-3)


@pytest.fixture(scope="module")
def turned(data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """The same samples, cached upright and turned by 90 degrees either way."""
    folder = tmp_path_factory.mktemp("turned")
    how = logits.Settings(views=Views(rotations=(0, 90, -90)))
    logits.cache(tiny.model_folder(folder / "model"), data.samples.folder, folder / "logits", how)
    return TrainingSet(samples=data.samples, logits={"teacher": logits.open(folder / "logits")})


def test_a_replay_shows_the_very_crops_that_the_teacher_saw(
    turned: TrainingSet, tmp_path: Path
) -> None:
    run = trainer(turned, tmp_path, geometry="replay")
    batch = next(run.stream.epoch(0))
    matrix, chosen = run._replayed(batch, np.random.default_rng(0))
    views = torch.from_numpy(batch["teacher/matrix"])
    shown = geometry.compose(geometry.resize(tiny.SIZE, (32, 32)), views)
    distance = (shown - matrix[:, None]).abs().amax((2, 3))
    assert float(distance.amin(1).max()) < 1e-9
    np.testing.assert_array_equal(distance.argmin(1), chosen)
    assert len(set(chosen.tolist())) > 1
    target = run._target("teacher", batch, matrix, chosen)
    assert float(target.weight.min()) > 0.95  # the outermost bins reach over the edge
    with pytest.raises(ValueError, match="replay needs a teacher"):
        trainer(TrainingSet(samples=turned.samples, logits={}), tmp_path, geometry="replay")


def test_a_replayed_view_is_taught_by_its_own_logits(data: TrainingSet, tmp_path: Path) -> None:
    """Recorded augmentations that are turned alike: an angle alone would not tell them apart."""
    how = logits.Settings(views=Views(rotations=(), augmented=4, augmentation={"rotate_prob": 0}))
    logits.cache(tiny.model_folder(tmp_path / "model"), data.samples.folder, tmp_path / "l", how)
    recorded = TrainingSet(samples=data.samples, logits={"teacher": logits.open(tmp_path / "l")})
    run = trainer(recorded, tmp_path / "run", geometry="replay")
    batch = next(run.stream.epoch(0))
    matrix, chosen = run._replayed(batch, np.random.default_rng(0))
    target = run._target("teacher", batch, matrix, chosen)
    for row, view in enumerate(chosen):
        own = torch.softmax(10 * torch.from_numpy(batch["teacher/y"][row, view]).float(), -1)
        assert own.shape == target.prob_y[row].shape
        np.testing.assert_allclose(target.prob_y[row], own, atol=1e-5)


def test_the_least_turned_view_is_carried_over(
    data: TrainingSet, turned: TrainingSet, tmp_path: Path
) -> None:
    """Into a crop turned by 90 degrees the turned view comes almost as it is."""
    run = trainer(turned, tmp_path)
    batch = next(run.stream.epoch(0))
    crop = torch.from_numpy(batch["teacher/matrix"][:, 1])
    matrix = geometry.compose(geometry.resize(tiny.SIZE, (32, 32)), crop)
    carried = run._target("teacher", batch, matrix)
    one = {**batch, **{f"teacher/{n}": batch[f"teacher/{n}"][:, 1:2] for n in ("x", "y", "matrix")}}
    alone = run._target("teacher", one, matrix)
    torch.testing.assert_close(carried.prob_x, alone.prob_x)
    upright = {
        **batch,
        **{f"teacher/{n}": batch[f"teacher/{n}"][:, :1] for n in ("x", "y", "matrix")},
    }
    assert not torch.allclose(run._target("teacher", upright, matrix).prob_x, alone.prob_x)


def test_a_mark_in_the_picture_stays_under_its_label(data: TrainingSet, tmp_path: Path) -> None:
    """A blob at the nose of a 64 px picture, augmented: its brightest pixel is the label."""
    run = trainer(data, tmp_path, augmentation=PLACE | {"rotate_prob": 1.0}, final_epochs=0)
    ys, xs = np.mgrid[:128, :128]
    blob = 255 * np.exp(-((xs - 60) ** 2 + (ys - 80) ** 2) / 50)
    batch = {name: column[:1] for name, column in next(run.stream.epoch(0)).items()}
    batch["crops"] = np.repeat(blob[None, :, :, None], 3, axis=3).astype(np.uint8)
    batch["crop_matrix"] = np.array([[[2.0, 0, 0], [0, 2.0, 0]]])
    batch["box"] = np.array([[10.0, 10, 44, 44]], np.float32)
    batch["keypoints"] = np.full((1, 21, 2), np.nan, np.float32)
    batch["keypoints"][0, 0] = 30, 40
    for step in range(20):
        images, truth, _ = run.prepare(batch, step)
        place = int(images[0, 0].argmax())
        brightest = torch.tensor([place % 32, place // 32])
        assert (brightest - truth.keypoints[0, 0]).abs().max() <= 1


def test_the_last_epoch_is_augmented_more_mildly(data: TrainingSet, tmp_path: Path) -> None:
    run = trainer(data, tmp_path, final_epochs=1, final_augmentation={"dropout_prob": 0.0})
    batch = next(run.stream.epoch(0))
    batch["crops"] = np.full_like(batch["crops"], 255)
    last = 2 * run.stream.steps_per_epoch
    black = [
        int((run.prepare(batch, step)[0] < -1.7).all(1).sum((1, 2)).min())
        for step in (0, last - 1, last)
    ]
    assert min(black[:2]) >= 6 * 6  # a fifth of 32 px each way
    assert black[2] < 6 * 6


def test_a_run_may_start_from_a_given_backbone(data: TrainingSet, tmp_path: Path) -> None:
    trained = trainer(data, tmp_path / "first").train()
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "b.pth")
    run = trainer(data, tmp_path / "second", init=tmp_path / "b.pth")._start()
    assert torch.equal(weights(run.model.backbone), weights(trained.backbone))
    assert run.average is not None
    assert torch.equal(weights(run.average.backbone), weights(trained.backbone))
    assert not torch.equal(weights(run.model.head), weights(trained.head))


def test_augmentation_is_a_function_of_the_step(data: TrainingSet, tmp_path: Path) -> None:
    run = trainer(data, tmp_path)
    batch = next(run.stream.epoch(0))
    images = [run.prepare(batch, step)[0] for step in (7, 7, 8)]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_a_teacher_that_knows_more_than_the_student_is_refused(
    data: TrainingSet, tmp_path: Path
) -> None:
    recipe = Recipe.model_validate(RECIPE)
    stream = Stream([data], skeletons.load("mpii16"), batch_size=5, seed=0, memory_mb=10)
    teachers = {"teacher": skeletons.load("coco17")}
    objective = Objective(beta={"teacher": 1.0})
    with pytest.raises(ValueError, match=r"teacher predicts coco17.*only 12 of 17"):
        Trainer(recipe, objective, teachers, stream, tmp_path, device="cpu", identity="a")
