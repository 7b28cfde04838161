import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from second_looks import looks_again

import tiny
from posecache import geometry, logits, samples, simcc
from posecache.logits import Views, views
from posecache.logits.live import check_live, divergence
from posecache.logits.looking import Group, persons
from posecache.logits.merging import merged
from posecache.logits.person import Carried, Person
from posecache.logits.settings import ENCODINGS
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.samples.pictures import read_image, warp
from posecache.stores.inspection import describe
from posecache.stores.seal import seal

WIDE = {"paddings": (1.0, 1.25, 1.6), "rotations": (0.0, 20.0), "merge": "mean"}
AGAIN = {"paddings": (1.25, 1.5), "merge": "second_looks:AGAIN"}
CONFIDENT = {"merge": "confident"}
BOX = np.array([20.0, 10, 10, 20])  # its upright crop has 16 x 32 px of 1.28 to an image px


def person(looks: np.ndarray, card: Card) -> Person:
    upright = geometry.box_matrices(BOX[None], tiny.SIZE)[0].numpy()
    return Person(card=card, flip=False, box=BOX, looks=looks, upright=upright)


def shifted(px: float) -> np.ndarray:
    """The upright crop's matrix, whose content is moved to the right by so many input px."""
    matrix = geometry.box_matrices(BOX[None], tiny.SIZE)[0].numpy()
    matrix[0, 2] += px
    return matrix


def spikes(places: list[int], heights: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Logits (L, 17, 32) of the first keypoint's spikes, and (L, 17, 64) with one at bin 7."""
    x, y = (np.full((len(places), 17, bins), -9.0, np.float32) for bins in tiny.BINS)
    x[range(len(places)), 0, places], y[:, 0, 7] = heights, heights
    return x, y


def test_a_mixture_by_hand(tmp_path: Path) -> None:
    """Two looks, the second moved by two px or four bins; one puts the keypoint elsewhere."""
    card = tiny.card(tiny.onnx_model(tmp_path / "model.onnx"))
    looks = np.stack([shifted(0), shifted(2)])
    seen = person(looks, card)
    carried = seen.carry(looks, spikes([10, 9], [0.8, 0.4]))
    assert carried.prob_x[:, 0].argmax(-1).tolist() == [10, 5]
    x, y, matrix = merged(seen, carried, torch.tensor([3.0, 1.0]))
    np.testing.assert_array_equal(matrix, seen.upright[None])
    np.testing.assert_allclose(x[0, 0, [10, 5, 20]], [0.7, 0.7 - np.log(3) / 10, 0.7 - 2])
    np.testing.assert_allclose(y[0, 0, [7, 30]], [0.7, 0.7 - 2])


def test_a_look_counts_as_far_as_its_mass_lies_inside(tmp_path: Path) -> None:
    """What the second look sees at its bin 1 lies three bins left of the upright crop."""
    card = tiny.card(tiny.onnx_model(tmp_path / "model.onnx"))
    looks = np.stack([shifted(0), shifted(2)])
    seen = person(looks, card)
    carried = seen.carry(looks, spikes([10, 1], [0.8, 0.6]))
    np.testing.assert_allclose(carried.mass[:, 0], [1, 0], atol=1e-6)
    x, _, _ = merged(seen, carried, torch.ones(2))
    assert x[0, 0, 10] == pytest.approx(0.4)  # half of the looks see it here
    np.testing.assert_allclose(np.delete(x[0, 0], 10), 0.4 - 2)
    nowhere = carried[1:]
    flat, _, _ = merged(seen, nowhere, torch.ones(1))
    np.testing.assert_allclose(flat[0, 0] - flat[0, 0, 0], 0)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), looks=st.integers(1, 5), name=st.sampled_from([*ENCODINGS]))
def test_what_is_kept_is_the_mixture_and_no_arg_max_moves(
    seed: int, looks: int, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = torch.Generator().manual_seed(seed)
    prob_x, prob_y = (
        torch.softmax(8 * torch.randn(looks, 3, bins, generator=rng), -1) for bins in tiny.BINS
    )
    mass, peak = torch.rand(looks, 3, generator=rng), torch.rand(looks, 3, 2, generator=rng)
    weights = torch.rand(looks, 3, generator=rng)
    folder = tmp_path_factory.mktemp("model")
    seen = person(shifted(0)[None], tiny.card(tiny.onnx_model(folder / "model.onnx")))
    x, _, _ = merged(seen, Carried(prob_x, prob_y, mass, peak), weights)
    mixed = (weights * mass).unsqueeze(-1).mul(prob_x).sum(0)
    mixed = mixed / mixed.sum(-1, keepdim=True)
    assert divergence(mixed.double().log()[None].numpy(), x, beta=1.0).shape == (1, 3)
    np.testing.assert_allclose(torch.softmax(10 * torch.from_numpy(x[0]), -1), mixed, atol=1e-6)
    kept = ENCODINGS[name].decode("x", ENCODINGS[name].encode("x", x))
    assert np.array_equal(kept.argmax(-1)[0], mixed.argmax(-1))
    assert divergence(x, kept).max() < 0.01


def made(tmp_path: Path, views: dict[str, object], **options: object) -> tuple[Path, Path, Path]:
    """A model, a sample store, and the model's merged logits over it."""
    model, folder = tmp_path / "model", tmp_path / "samples"
    if not model.exists():
        tiny.model_folder(model)
        tiny.sample_folder(tmp_path)
    run = {k: options.pop(k) for k in ("batch", "threads", "job") if k in options}
    how = {"chunk_rows": 2, "shard_rows": 4, "views": Views.model_validate(views)} | options
    out = tmp_path / "logits"
    logits.cache(model, folder, out, logits.Caching(**how), **({"batch": 5} | run))  # type: ignore[arg-type]
    return model, folder, out


@pytest.mark.parametrize("flip", [True, False])
def test_the_mean_is_that_of_each_look_by_itself(tmp_path: Path, flip: bool) -> None:
    model, folder, out = made(tmp_path, WIDE, flip=flip, encoding="float32")
    store, rows, card = logits.open(out), samples.open(folder), Card.load(model / CARD_FILE)
    session = Session(model / MODEL_FILE, card, batch=1)
    x, _, matrix = store.read(slice(0, 10))
    assert x.shape == (10, 1, 17, 32)
    for row in (0, 5, 9):
        box = rows.column("box")[row : row + 1]
        upright, total, inside = geometry.box_matrices(box, tiny.SIZE)[0], 0, 0
        np.testing.assert_allclose(matrix[row, 0], upright)
        for padding in (1.0, 1.25, 1.6):
            for angle in (0, 20):
                cut = geometry.box_matrices(box, tiny.SIZE, padding, angle)[0]
                crop = warp(read_image(rows.image_path(row)), cut.numpy(), tiny.SIZE)
                alone = (session.run_flipped if flip else session.run)(crop[None])
                between = geometry.compose(upright, geometry.invert(cut))[None]
                prob, _, mass = simcc.transport(*alone, between, tiny.SIZE)
                total, inside = total + mass[..., None] * prob, inside + mass
        found = torch.softmax(10 * torch.from_numpy(x[row]), -1)
        np.testing.assert_allclose(found, total / inside[..., None], atol=2e-5)


def test_the_more_confident_looks_count_more(tmp_path: Path) -> None:
    """Its four looks, a row at a time: weights are the mean scores' fourth power."""
    model, folder, out = made(tmp_path, CONFIDENT, flip=False, encoding="float32")
    store, rows, card = logits.open(out), samples.open(folder), Card.load(model / CARD_FILE)
    session, best = Session(model / MODEL_FILE, card, batch=1), store.identity["framing"]
    x, _, _ = store.read(slice(0, 10))
    for row in (0, 7):
        box, total, inside = rows.column("box")[row : row + 1], 0, 0
        upright = geometry.box_matrices(box, tiny.SIZE)[0]
        for padding, angle in ((best / 1.15, 0), (best * 1.15, 0), (best, 15), (best, -15)):
            cut = geometry.box_matrices(box, tiny.SIZE, padding, angle)[0]
            alone = session.run(
                warp(read_image(rows.image_path(row)), cut.numpy(), tiny.SIZE)[None]
            )
            weight = np.minimum(alone[0].max(-1), alone[1].max(-1)).mean() ** 4
            between = geometry.compose(upright, geometry.invert(cut))[None]
            prob, _, mass = simcc.transport(*alone, between, tiny.SIZE)
            total, inside = total + weight * mass[..., None] * prob, inside + weight * mass
        found = torch.softmax(10 * torch.from_numpy(x[row]), -1)
        np.testing.assert_allclose(found, total / inside[..., None], atol=2e-5)


@pytest.mark.parametrize("views", [WIDE, CONFIDENT, AGAIN])
def test_batches_threads_shards_and_jobs_change_no_byte(
    tmp_path: Path, views: dict[str, object]
) -> None:
    """Over 46 persons, who are cut together in groups of up to 16."""
    tiny.model_folder(tmp_path / "model")
    path = tiny.write_coco(tmp_path / "data", tiny.coco_record(images=23))
    samples.prepare(tiny.annotations(path), tmp_path / "samples")
    _, _, out = made(tmp_path, views, shard_rows=64)
    whole = [array.tobytes() for array in logits.open(out).read(slice(0, 46))]
    for options in ({"batch": 64, "threads": 3}, {"batch": 1, "shard_rows": 48}, {}):
        shutil.rmtree(out)
        made(tmp_path, views, **options)
        assert [array.tobytes() for array in logits.open(out).read(slice(0, 46))] == whole
    once = logits.open(out).manifest["shards"]
    shutil.rmtree(out)
    for job in (1, 0):
        made(tmp_path, views, job=(job, 2))
    seal(out)
    assert logits.open(out).manifest["shards"] == once


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    _, _, out = made(tmp_path, AGAIN)
    whole = logits.open(out).manifest["shards"]
    shutil.rmtree(out)
    picture = tmp_path / "data" / "3.jpg"  # of rows 4 and 5, in the second shard
    content = picture.read_bytes()
    picture.write_bytes(content[:-1] + b"x")
    with pytest.raises(ValueError, match=r"row 4, person 104: .*3\.jpg: is not the picture any"):
        made(tmp_path, AGAIN)
    picture.write_bytes(content)
    made(tmp_path, AGAIN)
    assert logits.open(out).manifest["shards"] == whole


def test_a_picture_is_decoded_once_for_all_that_is_asked_of_it(tmp_path: Path) -> None:
    model, folder, _ = made(tmp_path, AGAIN)
    store, card = samples.open(folder), Card.load(model / CARD_FILE)
    boxes = store.column("box")[:2]
    looks = views.crops(card, boxes, [(1.25, 0.0), (1.5, 10.0)])
    known = persons(card, boxes, looks, flip=False)
    group = Group(rows=[0, 1], people=known, store=store, rule=looks_again, asks_again=True)
    group.start()
    shutil.rmtree(tmp_path / "data")
    session = Session(model / MODEL_FILE, card, batch=1)
    stages = 0
    while group.owners:
        assert group.answer(session.run(group.crops))
        stages += bool(group.go_on().owners)
    assert stages > 0
    assert group.results.keys() == {0, 1}


@pytest.mark.parametrize("views", [WIDE, CONFIDENT, AGAIN, {"augmented": 3, "merge": "mean"}])
def test_the_live_model_agrees_with_merged_views(tmp_path: Path, views: dict[str, object]) -> None:
    model, folder, out = made(tmp_path, views)
    assert check_live(out, model, folder, num_rows=7) < 1e-5
    assert logits.open(out).identity["views"]["merge"] == views["merge"]


@pytest.mark.parametrize("views", [{}, WIDE, CONFIDENT, {"augmented": 3, "merge": "mean"}])
def test_the_coarsest_encoding_passes_the_comparison_with_the_live_model(
    tmp_path: Path, views: dict[str, object]
) -> None:
    model, folder, out = made(tmp_path, views, encoding="compact")
    assert check_live(out, model, folder) > 1e-4


def test_how_looks_were_merged_is_part_of_a_stores_identity(tmp_path: Path) -> None:
    _, _, out = made(tmp_path, AGAIN)
    assert logits.open(out).identity["merge"] == {"rule": "second_looks:AGAIN", "turn": 15}
    made(tmp_path, CONFIDENT)
    written = (out / "arrays.zarr/simcc_x/c/0/0/0/0").stat().st_mtime_ns
    made(tmp_path, CONFIDENT)  # finds all of it done
    assert (out / "arrays.zarr/simcc_x/c/0/0/0/0").stat().st_mtime_ns == written
    told = describe(out)
    assert "merge: {'rule': 'confident', 'framings': [[0.869" in told
    assert f"framing: {logits.open(out).identity['framing']}" in told


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValidationError, match="merge: mean needs several paddings, rotations or"):
        Views(merge="mean")
    with pytest.raises(ValidationError, match="merge: confident chooses its crops itself"):
        Views(merge="confident", rotations=(0, 30))
    with pytest.raises(ValidationError, match="unknown merge 'median', expected one of none, mean"):
        Views(merge="median")
