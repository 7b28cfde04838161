from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import SKELETON, recipe, stream, teaching
from torch import Tensor

import tiny
from posecache import geometry, logits, simcc, skeletons
from posecache.logits import Views
from posecache.models.card import CARD_FILE, Card
from posecache.samples.flat_crops import FlatCrops
from posecache.training.batch import Batch, CachedViews, Pool
from posecache.training.stream import TrainingSet
from posecache.training.teaching import Teacher, Teaching

COCO = skeletons.load("coco17")
# An augmentation of geometry only, and one of colours only.
PLACE = {"hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0, "dropout_prob": 0}
COLOURS = {
    "flip_prob": 0,
    "half_body_prob": 0,
    "shift_prob": 0,
    "scale_factor": [1, 1],
    "rotate_prob": 0,
}
SIZE = (32, 32)  # of the student's input, px


def first_batch(data: TrainingSet) -> Batch:
    return next(stream(data, recipe()).epoch(0))


def cached(data: TrainingSet, folder: Path, views: Views) -> TrainingSet:
    """The same samples, cached once more under other views."""
    how = logits.Caching(views=views)
    logits.cache(tiny.model_folder(folder / "model"), data.samples.folder, folder / "logits", how)
    return TrainingSet(samples=data.samples, logits={"teacher": logits.open(folder / "logits")})


@pytest.fixture(scope="module")
def turned(data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Views that are upright and turned by 90 degrees either way."""
    return cached(data, tmp_path_factory.mktemp("turned"), Views(rotations=(0, 90, -90)))


def with_view(batch: Batch, view: int) -> Batch:
    """The batch as if its teacher had been cached under only one of its views."""
    kept = slice(view, view + 1)
    one = {
        name: CachedViews(x=t.x[:, kept], y=t.y[:, kept], matrix=t.matrix[:, kept])
        for name, t in batch.teachers.items()
    }
    return replace(batch, teachers=one)


def test_a_mirrored_crop_has_left_and_right_swapped(data: TrainingSet) -> None:
    """Labels and teacher of a mirrored crop are the mirror images of the plain crop's."""
    taught, batch = teaching(data, recipe()), first_batch(data)
    plain = geometry.box_matrices(batch.box, SIZE, 1.25)
    mirrored = geometry.compose(geometry.mirror(32), plain)
    truth, swapped = taught.truth(batch, plain), taught.truth(batch, mirrored)
    order = simcc.swap_order(21, taught.skeleton.flip_pairs)
    seen = (truth.weight > 0) & (swapped.weight[:, order] > 0)
    x, flipped = truth.keypoints[..., 0], swapped.keypoints[:, order, 0]
    np.testing.assert_allclose(x[seen], 31 - flipped[seen], atol=1e-4)
    target = taught.target("teacher", batch, plain)
    mirror = taught.target("teacher", batch, mirrored)
    order = simcc.swap_order(17, COCO.flip_pairs)
    # Bin i lies at i / 2 px, its mirror image at 31 - i / 2 px, which is bin 62 - i.
    inside = target.prob_x[..., :63] * target.weight[..., None]
    image = mirror.prob_x[:, order, :63].flip(-1) * mirror.weight[:, order, None]
    np.testing.assert_allclose(inside, image, atol=1e-3)


def test_labels_are_the_keypoints_carried_into_the_crop(data: TrainingSet) -> None:
    taught, batch = teaching(data, recipe()), first_batch(data)
    matrix = geometry.box_matrices(batch.box, SIZE, 1.25)
    truth = taught.truth(batch, matrix)
    expected = geometry.apply(matrix, batch.keypoints.astype(np.float64))
    torch.testing.assert_close(truth.keypoints[:, :17], expected[:, :17].float())
    assert bool((truth.weight[:, :17] == 1).all())
    assert not truth.weight[:, 17:].any()  # MPII's own keypoints, which COCO does not label
    peaks = torch.stack([truth.label_x.argmax(-1), truth.label_y.argmax(-1)], -1)[:, :17]
    assert float((peaks / 2 - expected[:, :17]).abs().max()) <= 0.25 + 1e-5


def test_a_replay_shows_the_very_crops_that_the_teacher_saw(turned: TrainingSet) -> None:
    how = recipe(geometry="replay")
    taught, batch = teaching(turned, how), first_batch(turned)
    matrix, chosen = taught.replayed(batch, np.random.default_rng(0))
    views = torch.from_numpy(batch.teachers["teacher"].matrix)
    shown = geometry.compose(geometry.resize(tiny.SIZE, SIZE), views)
    distance = (shown - matrix[:, None]).abs().amax((2, 3))
    assert float(distance.amin(1).max()) < 1e-9
    np.testing.assert_array_equal(distance.argmin(1), chosen)
    assert len(set(chosen.tolist())) > 1
    target = taught.target("teacher", batch, matrix, chosen)
    assert float(target.weight.min()) > 0.95  # the outermost bins reach over the edge


def test_a_replay_without_a_teacher_is_refused() -> None:
    with pytest.raises(ValueError, match="replay needs a teacher"):
        Teaching(recipe(geometry="replay"), SKELETON, {}, "cpu")


def test_a_replay_of_different_numbers_of_views_is_refused(turned: TrainingSet) -> None:
    batch = first_batch(turned)
    fewer = {"fewer": with_view(batch, 0).teachers["teacher"]}
    taught = teaching(turned, recipe(geometry="replay"))
    with pytest.raises(ValueError, match=r"different numbers of views: .*'teacher': 3, 'fewer': 1"):
        taught.replayed(
            replace(batch, teachers={**batch.teachers, **fewer}), np.random.default_rng(0)
        )


def test_a_replayed_view_is_taught_by_its_own_logits(data: TrainingSet, tmp_path: Path) -> None:
    """Recorded augmentations with the same rotation: an angle would not tell them apart."""
    views = Views.model_validate(
        {"rotations": (), "augmented": 4, "augmentation": {"rotate_prob": 0}}
    )
    recorded = cached(data, tmp_path, views)
    taught, batch = teaching(recorded, recipe(geometry="replay")), first_batch(recorded)
    matrix, chosen = taught.replayed(batch, np.random.default_rng(0))
    target = taught.target("teacher", batch, matrix, chosen)
    for row, view in enumerate(chosen):
        own = torch.softmax(
            10 * torch.from_numpy(batch.teachers["teacher"].y[row, view]).float(), -1
        )
        assert own.shape == target.prob_y[row].shape
        np.testing.assert_allclose(target.prob_y[row], own, atol=1e-5)


def test_the_least_turned_view_is_carried_over(turned: TrainingSet) -> None:
    """The turned view is carried into a crop turned by 90 degrees almost unchanged."""
    taught, batch = teaching(turned, recipe()), first_batch(turned)
    crop = torch.from_numpy(batch.teachers["teacher"].matrix[:, 1])
    matrix = geometry.compose(geometry.resize(tiny.SIZE, SIZE), crop)
    carried = taught.target("teacher", batch, matrix)
    alone = taught.target("teacher", with_view(batch, 1), matrix)
    torch.testing.assert_close(carried.prob_x, alone.prob_x)
    upright = taught.target("teacher", with_view(batch, 0), matrix)
    assert not torch.allclose(upright.prob_x, alone.prob_x)


def one_view(x: np.ndarray, y: np.ndarray) -> Batch:
    """A sample that a teacher with these logits (Kt, Wx) and (Kt, Wy) saw unchanged."""
    views = CachedViews(x=x[None, None], y=y[None, None], matrix=np.eye(2, 3)[None, None])
    return Batch(
        crops=FlatCrops.of([np.zeros((8, 8, 3), np.uint8)]),
        crop_matrix=np.eye(2, 3)[None],
        box=np.array([[0, 0, 16, 32]], np.float32),
        keypoints=np.full((1, 21, 2), np.nan, np.float32),
        teachers={"teacher": views},
    )


def taught_by(split_ratio: float, beta: float, input_size: tuple[int, int]) -> Teaching:
    """The teaching of a student of this input size by a teacher with its own bins and beta."""
    teacher = Teacher(skeleton=COCO, input_size=tiny.SIZE, split_ratio=split_ratio, beta=beta)
    return Teaching(recipe(input_size=input_size), SKELETON, {"teacher": teacher}, "cpu")


def spikes(split_ratio: int, place: tuple[int, int]) -> list[np.ndarray]:
    """Logits that put every keypoint into the one bin at `place` px, whatever the beta."""
    found = []
    for side, px in zip(tiny.SIZE, place, strict=True):
        axis = np.full((17, side * split_ratio), -1e4, np.float32)
        axis[:, px * split_ratio] = 1
        found.append(axis)
    return found


TURN = geometry.crop_matrix(np.array([8.0, 16.0]), np.array([32.0, 32.0]), np.array(30.0), SIZE)


@pytest.mark.parametrize("split_ratio", [1, 2, 4])
@pytest.mark.parametrize(
    ("matrix", "error"),
    [
        (torch.eye(2, 3).double(), 1e-4),
        (geometry.resize(tiny.SIZE, SIZE), 1e-4),
        (geometry.mirror(32), 1e-4),
        (torch.tensor([[0.0, 1.0, -2.0], [-1.0, 0.0, 20.0]]).double(), 1e-4),
        # A narrow spike between two of the student's bins may fall into one of them as a whole.
        (TURN, 0.5),
    ],
    ids=["as it is", "stretched", "mirrored", "a quarter turn", "30 degrees"],
)
def test_a_spike_lands_on_its_own_px_whatever_the_teachers_bins(
    split_ratio: int, matrix: Tensor, error: float
) -> None:
    place = (5, 12)
    batch = one_view(*spikes(split_ratio, place))
    target = taught_by(split_ratio, 7.0, SIZE).target("teacher", batch, matrix[None])
    expected = geometry.apply(matrix, torch.tensor([place]).double())[0]
    bins = torch.arange(64.0)
    for axis, prob in enumerate((target.prob_x, target.prob_y)):
        assert prob.shape == (1, 17, 64)
        middle = 2 * float(expected[axis])
        np.testing.assert_allclose(prob[0] @ bins, np.full(17, middle), atol=error)
        reach = float(matrix[axis, :2].abs().sum()) / split_ratio + 1  # half of its bin, plus one
        beyond = prob[0][:, (bins - middle).abs() > reach]
        assert float(beyond.sum(-1).max()) < 1e-4
    np.testing.assert_allclose(target.weight, 1, atol=1e-5)
    np.testing.assert_allclose(target.keypoints[0], expected.expand(17, 2), atol=1e-4)
    assert target.indices.tolist() == list(range(17))


def halved(p: np.ndarray) -> np.ndarray:
    """Masses of 4 bins per px in 2 bins per px: a bin, and half of either neighbour."""
    left = np.pad(p, ((0, 0), (1, 0)))[:, :-1]
    right = np.pad(p, ((0, 0), (0, 1)))[:, 1:]
    return (p + left / 2 + right / 2)[:, ::2]


def doubled(p: np.ndarray) -> np.ndarray:
    """Masses of 1 bin per px in 2: half of a bin, then a quarter of it and of the next one."""
    following = np.pad(p, ((0, 0), (0, 1)))[:, 1:]
    return np.stack([p / 2, p / 4 + following / 4], -1).reshape(len(p), -1)


@pytest.mark.parametrize("beta", [1.0, 5.0, 10.0])
@pytest.mark.parametrize(("split_ratio", "by_hand"), [(1, doubled), (4, halved), (2, np.copy)])
def test_other_bins_and_another_beta_give_the_masses_worked_out_by_hand(
    split_ratio: int, by_hand: Any, beta: float
) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(0, 1, (17, side * split_ratio)).astype(np.float32) for side in tiny.SIZE)
    taught = taught_by(split_ratio, beta, tiny.SIZE)
    target = taught.target("teacher", one_view(x, y), torch.eye(2, 3).double()[None])
    masses = []
    for logit, prob in zip((x, y), (target.prob_x, target.prob_y), strict=True):
        exact = torch.softmax(beta * torch.from_numpy(logit).double(), -1).numpy()
        expected = by_hand(exact)  # without what lies beyond the student's outermost bins
        masses.append(expected.sum(-1, keepdims=True))
        np.testing.assert_allclose(prob[0], expected / masses[-1], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(target.weight[0], (masses[0] * masses[1])[:, 0], atol=1e-5)


def test_half_the_beta_takes_twice_the_logits() -> None:
    rng = np.random.default_rng(1)
    x, y = (rng.normal(0, 0.3, (17, 2 * side)).astype(np.float32) for side in tiny.SIZE)
    once = taught_by(2, 10.0, SIZE).target("teacher", one_view(x, y), TURN[None])
    soft = taught_by(2, 5.0, SIZE).target("teacher", one_view(2 * x, 2 * y), TURN[None])
    assert torch.equal(once.prob_x, soft.prob_x)
    assert torch.equal(once.prob_y, soft.prob_y)
    other = taught_by(2, 5.0, SIZE).target("teacher", one_view(x, y), TURN[None])
    assert not torch.allclose(once.prob_x, other.prob_x)


@pytest.mark.parametrize("matrix", [torch.eye(2, 3).double(), TURN, geometry.mirror(32)])
def test_a_peak_is_the_score_of_the_teachers_own_logits(matrix: Tensor) -> None:
    """Whatever crop they are carried into; left and right change places in a mirrored one."""
    x, y = np.full((17, 32), -1.0, np.float32), np.full((17, 64), -0.5, np.float32)
    x[:, 3], y[:, 20] = np.linspace(-0.5, 1.2, 17), 0.9
    found = taught_by(2, 10.0, SIZE).target("teacher", one_view(x, y), matrix[None]).peak
    expected = np.linspace(-0.5, 1.2, 17).clip(0, 0.9)  # the smaller of the two axes' maxima
    if torch.linalg.det(matrix[:, :2]) < 0:
        expected = expected[simcc.swap_order(17, COCO.flip_pairs)]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_a_mirrored_crop_has_the_teachers_left_and_right_swapped() -> None:
    """Each keypoint has a column of its own."""
    x, y = np.zeros((17, 32), np.float32), np.zeros((17, 64), np.float32)
    x[np.arange(17), np.arange(17)] = y[:, 20] = 1
    found = taught_by(2, 10.0, SIZE).target("teacher", one_view(x, y), geometry.mirror(32)[None])
    columns = 31 - np.arange(17)[simcc.swap_order(17, COCO.flip_pairs)] / 2
    np.testing.assert_allclose(found.keypoints[0, :, 0], columns, atol=1e-5)
    np.testing.assert_allclose(found.keypoints[0, :, 1], 10, atol=1e-5)


def test_a_mirrored_view_names_left_and_right_as_it_shows_them() -> None:
    x, y = (np.zeros((17, 2 * side), np.float32) for side in tiny.SIZE)
    x[:, 3] = y[:, 3] = np.linspace(0, 0.8, 17)
    batch, view = one_view(x, y), geometry.mirror(16)[None]
    seen = replace(batch.teachers["teacher"], matrix=view[None].numpy())
    target = taught_by(2, 10.0, SIZE).target(
        "teacher", replace(batch, teachers={"teacher": seen}), view
    )
    np.testing.assert_allclose(target.peak[0], np.linspace(0, 0.8, 17), atol=1e-6)


@pytest.mark.parametrize("teacher_size", [(48, 32), (32, 64), (16, 32)])
def test_the_authors_code_resamples_logits_with_aligned_corners(
    teacher_size: tuple[int, int],
) -> None:
    """A teacher that saw the student's crop, stretched as `crop: stretch` stretches it."""
    rng, size = np.random.default_rng(2), (16, 32)
    x, y = (rng.normal(0, 0.3, (17, 2 * side)).astype(np.float32) for side in teacher_size)
    crop = geometry.box_matrices([[3.0, 5, 30, 40]], size)
    stretch = geometry.resize(size, teacher_size, align_corners=True)
    batch = one_view(x, y)
    seen = geometry.compose(stretch, crop)[:, None].numpy()
    batch = replace(batch, teachers={"t": replace(batch.teachers["teacher"], matrix=seen)})
    teacher = Teacher(skeleton=COCO, input_size=teacher_size, split_ratio=2.0, beta=10.0)
    how = recipe(input_size=size)
    theirs = Teaching(how, SKELETON, {"t": teacher}, "cpu", as_authors=True)
    target = theirs.target("t", batch, crop)
    for logits_, side, prob in zip((x, y), size, (target.prob_x, target.prob_y), strict=True):
        resampled = torch.nn.functional.interpolate(
            torch.from_numpy(logits_)[None], 2 * side, mode="linear", align_corners=True
        )
        torch.testing.assert_close(prob, torch.softmax(10 * resampled, -1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(target.weight, torch.ones(1, 17), atol=1e-4, rtol=0)
    ours = Teaching(how, SKELETON, {"t": teacher}, "cpu").target("t", batch, crop)
    assert torch.allclose(ours.prob_x, target.prob_x, atol=1e-3) == (teacher_size == size)


def test_a_teacher_is_read_as_its_store_says(data: TrainingSet, tmp_path: Path) -> None:
    path = tiny.model_folder(tmp_path / "model") / CARD_FILE
    replace(Card.load(path), beta=4.0).save(path)
    logits.cache(path.parent, data.samples.folder, tmp_path / "logits")
    found = Teacher.of(logits.open(tmp_path / "logits"), COCO)
    assert found == Teacher(skeleton=COCO, input_size=tiny.SIZE, split_ratio=2.0, beta=4.0)


def test_a_teacher_that_knows_more_than_the_student_is_refused(data: TrainingSet) -> None:
    teacher = Teacher.of(data.logits["teacher"], COCO)
    with pytest.raises(ValueError, match=r"teacher predicts coco17.*only 12 of 17"):
        Teaching(recipe(), skeletons.load("mpii16"), {"teacher": teacher}, "cpu")


def test_a_mark_in_the_picture_stays_under_its_label(data: TrainingSet) -> None:
    """A blob at the nose of a 64 px picture, augmented: its brightest pixel lies at the label."""
    taught = teaching(data, recipe(augmentation=PLACE | {"rotate_prob": 1.0}, final_epochs=0))
    ys, xs = np.mgrid[:128, :128]
    blob = 255 * np.exp(-((xs - 60) ** 2 + (ys - 80) ** 2) / 50)
    keypoints = np.full((1, 21, 2), np.nan, np.float32)
    keypoints[0, 0] = 30, 40
    batch = replace(
        Pool([first_batch(data)]).take(np.array([0])),
        crops=FlatCrops.of([np.repeat(blob[:, :, None], 3, axis=2).astype(np.uint8)]),
        crop_matrix=np.array([[[2.0, 0, 0], [0, 2.0, 0]]]),
        box=np.array([[10.0, 10, 44, 44]], np.float32),
        keypoints=keypoints,
    )
    for step in range(20):
        images, truth, _ = taught.prepare(batch, step, 0)
        place = int(images[0, 0].argmax())
        brightest = torch.tensor([place % 32, place // 32])
        assert (brightest - truth.keypoints[0, 0]).abs().max() <= 1


def test_the_last_epoch_is_augmented_more_mildly(data: TrainingSet) -> None:
    taught = teaching(data, recipe(final_epochs=1, final_augmentation={"dropout_prob": 0.0}))
    batch = first_batch(data)
    white = FlatCrops.of([np.full_like(image, 255) for image in batch.crops.images()])
    batch = replace(batch, crops=white)
    black = [
        int((taught.prepare(batch, step, epoch)[0] < -1.7).all(1).sum((1, 2)).min())
        for step, epoch in ((0, 0), (3, 1), (4, 2))
    ]
    assert min(black[:2]) >= 6 * 6  # a fifth of 32 px each way
    assert black[2] < 6 * 6


@pytest.mark.parametrize("augmentation", [PLACE, COLOURS])
def test_augmentation_is_a_function_of_seed_and_step(
    data: TrainingSet, augmentation: dict[str, Any]
) -> None:
    how = {"augmentation": augmentation, "final_epochs": 0}
    taught, batch = teaching(data, recipe(**how)), first_batch(data)
    images = [taught.prepare(batch, step, 0)[0] for step in (7, 7, 8)]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
    other = teaching(data, recipe(seed=1, **how)).prepare(batch, 7, 0)[0]
    assert not torch.equal(images[0], other)
