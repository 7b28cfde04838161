"""A refined model's keypoints beside its logits: stored, read, handed on and scored."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import tiny
from four_outputs import ASIDE, refined_folder
from posecache import geometry, logits, samples, simcc, skeletons
from posecache.logits.caching import cache
from posecache.logits.layout import KEYPOINTS
from posecache.logits.live import check_live
from posecache.logits.packing import pack, unpack
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.report.looks import upright_crops
from posecache.samples.pictures import crop_rows
from posecache.scores.predictions import decoded, predict
from posecache.stores.inspection import describe
from posecache.stores.manifest import verify
from posecache.stores.seal import seal
from posecache.stores.writer import Writer

HOW = logits.Caching(chunk_rows=2, shard_rows=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refined `model`, `samples` of ten people, and the `logits`."""
    folder = tmp_path_factory.mktemp("refined")
    refined_folder(folder / "model")
    cache(folder / "model", tiny.sample_folder(folder), folder / "logits", HOW, batch=3)
    return folder


@pytest.mark.parametrize("flip", [True, False])
def test_keypoints_are_the_models_on_each_row(folder: Path, tmp_path: Path, flip: bool) -> None:
    how = logits.Caching(flip=flip, encoding="float32")
    cache(folder / "model", folder / "samples", tmp_path / "logits", how)
    card, store = Card.load(folder / "model" / CARD_FILE), samples.open(folder / "samples")
    matrices = upright_crops(card, store, range(10))
    crops = crop_rows([store.picture(row) for row in range(10)], matrices, tiny.SIZE)
    session = Session(folder / "model" / MODEL_FILE, card, batch=1)
    expected = session.run_flipped(crops) if flip else session.run(crops)
    kept = logits.open(tmp_path / "logits")
    x, y, _ = kept.read(slice(0, 10))
    (keypoints,) = kept.refined(slice(0, 10))
    assert keypoints.dtype == np.float32
    for found, one in zip((x, y, keypoints), expected, strict=True):
        np.testing.assert_allclose(found[:, 0], one, atol=1e-4)


def test_what_is_scored_lies_where_the_dot_is(folder: Path, tmp_path: Path) -> None:
    """Left and right keypoints lie ASIDE input px from it, which are half as many of the picture
    where it is seen twice as large; the logits, of the mean colour, know nothing of it."""
    cache(folder / "model", tiny.dotted_folder(tmp_path, zoom=2.0), tmp_path / "logits")
    store = logits.open(tmp_path / "logits")
    found = predict(store)
    expected = np.tile(np.array(tiny.DOT, float), (17, 1))
    for left, right in skeletons.load("coco17").flip_pairs:
        expected[left, 0] -= ASIDE / 2
        expected[right, 0] += ASIDE / 2
    np.testing.assert_allclose(found.keypoints[0], expected, atol=0.3)
    (keypoints,) = store.refined(slice(0, 1))
    np.testing.assert_array_equal(found.scores, keypoints[:, 0, :, 2])


def test_refined_keypoints_are_read_by_hand() -> None:
    """Of a crop that is twice as large as the picture, and begins at its px (10, 20)."""
    matrix = np.array([[[2.0, 0.0, -20.0], [0.0, 2.0, -40.0]]])
    x, y = np.zeros((1, 2, 32), np.float32), np.zeros((1, 2, 64), np.float32)
    keypoints = np.array([[[3.0, 5.0, 0.25], [15.5, 0.0, 0.75]]], np.float32)
    found = decoded([x, y, keypoints], matrix, tiny.SIZE, 2.0)
    assert found.keypoints[0].tolist() == [[11.5, 22.5], [17.75, 20.0]]
    assert found.scores.tolist() == [[0.25, 0.75]]
    assert found.areas.tolist() == [16 * 32 / 4]
    x[0, 0, 6], y[0, 0, 8] = 1, 1
    assert decoded([x, y], matrix, tiny.SIZE, 2.0).keypoints[0, 0].tolist() == [11.5, 22.0]


def test_other_models_stores_stay_what_they_are(folder: Path, tmp_path: Path) -> None:
    """The same file under a card that does not speak of keypoints."""
    shutil.copytree(folder / "model", tmp_path / "model")
    plain = tiny.card(folder / "model" / MODEL_FILE)
    plain.save(tmp_path / "model" / CARD_FILE)
    golden = tmp_path / "model" / "golden.npz"
    with np.load(golden) as kept:
        np.savez(golden, **{name: kept[name] for name in ("crop", "simcc_x", "simcc_y")})
    cache(tmp_path / "model", folder / "samples", tmp_path / "logits", HOW, batch=3)
    before, after = logits.open(tmp_path / "logits"), logits.open(folder / "logits")
    assert set(after.layout.columns) - set(before.layout.columns) == {KEYPOINTS}
    assert before.refined(slice(0, 10)) == []
    assert before.identity == after.identity
    for one, other in zip(before.manifest["shards"], after.manifest["shards"], strict=True):
        assert one == {name: facts for name, facts in other.items() if KEYPOINTS not in name}


def test_merged_looks_have_logits_alone(folder: Path, tmp_path: Path) -> None:
    views = logits.Views(rotations=(0, 20), merge="mean")
    how = logits.Caching(views=views, encoding="float32")
    cache(folder / "model", folder / "samples", tmp_path / "logits", how)
    store = logits.open(tmp_path / "logits")
    assert KEYPOINTS not in store.layout.columns
    x, y, matrix = (array[:, 0] for array in store.read(slice(0, 10)))
    places = geometry.apply(geometry.invert(matrix), simcc.decode(x, y)[0].double())
    np.testing.assert_allclose(predict(store).keypoints, places)
    assert check_live(tmp_path / "logits", folder / "model", folder / "samples") < 1e-5


def test_every_view_that_is_not_merged_has_its_own(folder: Path, tmp_path: Path) -> None:
    how = logits.Caching(views=logits.Views(rotations=(0, 90)), flip=False)
    cache(folder / "model", folder / "samples", tmp_path / "logits", how)
    store = logits.open(tmp_path / "logits")
    (keypoints,) = store.refined(slice(0, 10))
    assert keypoints.shape == (10, 2, 17, 3)
    assert np.abs(keypoints[:, 0] - keypoints[:, 1])[..., :2].min(1).mean() > 1
    upright = logits.open(folder / "logits")
    np.testing.assert_allclose(
        keypoints[:, 0, :, :2], upright.refined(slice(0, 10))[0][:, 0, :, :2], atol=1e-4
    )


def test_jobs_share_the_shards_and_what_is_lost_is_made_again(folder: Path, tmp_path: Path) -> None:
    many, whole = tmp_path / "many", logits.open(folder / "logits").manifest["shards"]
    for job in (1, 0):
        cache(folder / "model", folder / "samples", many, HOW, batch=4, job=(job, 2))
    seal(many)
    assert logits.open(many).manifest["shards"] == whole
    lost, kept = (many / logits.open(many).layout.file(KEYPOINTS, shard) for shard in (1, 0))
    lost.write_bytes(lost.read_bytes()[:-1])
    with pytest.raises(ValueError, match="the store is damaged"):
        logits.open(many)
    written = kept.stat().st_mtime_ns
    cache(folder / "model", folder / "samples", many, HOW)
    assert kept.stat().st_mtime_ns == written
    assert logits.open(many).manifest["shards"] == whole
    assert verify(many) == []


@pytest.mark.parametrize("encoding", ["float16", "compact"])
def test_keypoints_are_handed_on_as_they_are(folder: Path, tmp_path: Path, encoding: str) -> None:
    pack(folder / "logits", tmp_path / "file", encoding)
    unpack(tmp_path / "file", tmp_path / "again")
    before, after = logits.open(folder / "logits"), logits.open(tmp_path / "again")
    for name in ("matrix", "box", KEYPOINTS):
        np.testing.assert_array_equal(before.column(name), after.column(name))
    np.testing.assert_array_equal(predict(before).keypoints, predict(after).keypoints)
    assert verify(tmp_path / "again") == []
    assert "keypoints    float32  (10, 1, 17, 3)" in describe(tmp_path / "again")


def test_fewer_people_have_their_own_keypoints(folder: Path, tmp_path: Path) -> None:
    """The store's rows of the second and the fifth picture."""
    path = folder / "data" / "annotations.json"
    samples.prepare(
        tiny.annotations(path, wanted=frozenset(["2.jpg", "5.jpg"])), tmp_path / "fewer"
    )
    store = logits.open(folder / "logits", samples=samples.open(tmp_path / "fewer"))
    everybody = predict(logits.open(folder / "logits"))
    np.testing.assert_array_equal(predict(store).keypoints, everybody.keypoints[[2, 3, 8, 9]])


def test_a_live_model_that_gives_other_keypoints_is_noticed(folder: Path, tmp_path: Path) -> None:
    store = logits.open(folder / "logits")
    assert check_live(store.folder, folder / "model", folder / "samples", num_rows=5) < 1e-5
    identity = {k: v for k, v in store.identity.items() if k not in ("format", "kind")}
    about = {k: store.manifest[k] for k in ("model", "skeleton", "input_size", "split_ratio")}
    about |= {k: store.manifest[k] for k in ("beta", "flip", "annotations")}
    writer = Writer(tmp_path / "moved", store.layout, identity, about)
    for shard in list(writer.missing):
        columns = {n: store.rows(n, *store.layout.span(shard)) for n in store.layout.columns}
        columns[KEYPOINTS] = columns[KEYPOINTS] + np.float32(0.2)
        writer.write(shard, columns, {})
    writer.seal()
    with pytest.raises(ValueError, match=r"row 0: its keypoints lie 0\.2 px off, limit 0\.1"):
        check_live(tmp_path / "moved", folder / "model", folder / "samples")
