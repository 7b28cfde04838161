import multiprocessing
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import tiny
from posecache import geometry, logits, samples
from posecache.logits import Views
from posecache.logits.caching import job_shards
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.session import Session
from posecache.samples.pictures import read_image, warp
from posecache.stores.manifest import verify
from posecache.stores.seal import seal
from posecache.stores.writer import Writer

HOW = logits.Caching(chunk_rows=2, shard_rows=4)


def cached(tmp_path: Path, **options: object) -> tuple[Path, Path, Path]:
    """A model, a sample store, and the model's logits over it."""
    model, sample_folder = tmp_path / "model", tmp_path / "samples"
    if not model.exists():
        tiny.model_folder(model)
        tiny.sample_folder(tmp_path)
    run = {k: options.pop(k) for k in ("batch", "threads", "job") if k in options}
    settings = logits.Caching(**(HOW.model_dump() | options))
    logits.cache(model, sample_folder, tmp_path / "logits", settings, **({"batch": 3} | run))  # type: ignore[arg-type]
    return model, sample_folder, tmp_path / "logits"


@pytest.mark.parametrize("flip", [True, False])
def test_logits_are_the_models_on_each_row(tmp_path: Path, flip: bool) -> None:
    model, sample_folder, folder = cached(tmp_path, flip=flip, encoding="float32")
    store, rows = logits.open(folder), samples.open(sample_folder)
    session = Session(model / MODEL_FILE, Card.load(model / CARD_FILE), batch=1)
    x, y, matrix = store.read(slice(0, 10))
    assert x.shape == (10, 1, 17, 32)
    for row in (0, 5, 9):
        expected = geometry.box_matrices(rows.column("box")[row : row + 1], tiny.SIZE, 1.25)
        np.testing.assert_allclose(matrix[row], expected)
        crop = warp(read_image(rows.image_path(row)), matrix[row, 0], tiny.SIZE)
        run = session.run_flipped if flip else session.run
        alone_x, alone_y = run(crop[None])
        np.testing.assert_allclose(x[row], alone_x, atol=1e-5)
        np.testing.assert_allclose(y[row], alone_y, atol=1e-5)


def test_half_precision_is_the_default(tmp_path: Path) -> None:
    _, _, folder = cached(tmp_path)
    x, _, _ = logits.open(folder).read(slice(2, 5))
    assert x.dtype == np.float16
    assert logits.open(folder).manifest["runtime"]["provider"] == "CPUExecutionProvider"


def test_a_store_tells_how_its_logits_are_read(tmp_path: Path) -> None:
    model, _, folder = cached(tmp_path, flip=False)
    card, store = Card.load(model / CARD_FILE), logits.open(folder)
    softer = replace(card, beta=5.0)
    softer.save(model / CARD_FILE)
    logits.cache(model, tmp_path / "samples", tmp_path / "softer", HOW)
    assert (store.model, store.skeleton, store.flip) == (card.name, card.skeleton, False)
    assert (store.input_size, store.split_ratio) == (card.input_size, card.split_ratio)
    assert (store.beta, logits.open(tmp_path / "softer").beta) == (10.0, 5.0)


def test_threads_and_batches_change_no_byte(tmp_path: Path) -> None:
    _, _, folder = cached(tmp_path)
    once = logits.open(folder).manifest["shards"]
    shutil.rmtree(folder)
    cached(tmp_path, threads=3, batch=4)
    assert logits.open(folder).manifest["shards"] == once


def test_logits_of_other_samples_are_refused(tmp_path: Path) -> None:
    _, _, folder = cached(tmp_path)
    record = tiny.coco_record()
    record["annotations"][0]["bbox"][0] += 1
    path = tiny.write_coco(tmp_path / "other", record)
    annotations = tiny.annotations(path)
    samples.prepare(annotations, tmp_path / "others")
    told = (
        r"other samples than .*others \(from annotations \w{12}, not \w{12}\): lacks 1 of its 10 "
    )
    told += r"persons, first .*row 0, person 100: its box is \[16\.39.*\] here, \[15\.39.*\] there"
    with pytest.raises(ValueError, match=told):
        logits.open(folder, samples=samples.open(tmp_path / "others"))


def test_a_model_file_that_is_not_its_cards_is_refused(tmp_path: Path) -> None:
    model, sample_folder, _ = cached(tmp_path)
    tiny.onnx_model(model / MODEL_FILE, scale=2.0)
    with pytest.raises(ValueError, match=r"model\.onnx: sha256 .* its card says"):
        logits.cache(model, sample_folder, tmp_path / "again")


def test_logits_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    encoding = "float16"
    tiny.model_folder(tmp_path / "model", scale=1e6)
    tiny.sample_folder(tmp_path)
    message = rf"model\.onnx: logits that are not finite \(as {encoding}\) over .*row 0, person 100"
    settings = logits.Caching(encoding=encoding)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ValueError, match=message),
    ):
        logits.cache(tmp_path / "model", tmp_path / "samples", tmp_path / "logits", settings)
    with pytest.raises(ValueError, match="not sealed"):
        logits.open(tmp_path / "logits")


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"x")])
def test_a_picture_that_is_not_as_it_was_stops_the_run_before_it_begins(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    model, _, folder = cached(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    spoil(tmp_path / "data" / "5.jpg")
    with pytest.raises(ValueError, match=r"row 8, person 108: .*5\.jpg: (no such|is not the pict)"):
        logits.cache(model, tmp_path / "samples", folder, logits.Caching(flip=False))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_changed_picture_of_the_same_size_loses_no_finished_shard(tmp_path: Path) -> None:
    tiny.model_folder(tmp_path / "model")
    tiny.sample_folder(tmp_path)
    image = tmp_path / "data" / "5.jpg"
    content = image.read_bytes()
    image.write_bytes(content[:-1] + b"x")
    with pytest.raises(ValueError, match=r"row 8, person 108: .*5\.jpg: is not the picture any"):
        cached(tmp_path)
    first = tmp_path / "logits" / "arrays.zarr" / "simcc_x" / "c" / "0" / "0" / "0" / "0"
    written = first.stat().st_mtime_ns
    image.write_bytes(content)
    cached(tmp_path)
    assert first.stat().st_mtime_ns == written
    assert logits.open(tmp_path / "logits").n == 10


def read_whole(folder: Path) -> bytes:
    store = logits.open(folder)
    return b"".join(array.tobytes() for array in store.read(slice(0, store.n)))


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_other_processes_read_the_same_after_the_parent_has(tmp_path: Path, start: str) -> None:
    _, _, folder = cached(tmp_path)
    expected = read_whole(folder)
    context = multiprocessing.get_context(start)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert set(pool.map(read_whole, [folder] * 4)) == {expected}


def test_threads_read_the_same(tmp_path: Path) -> None:
    _, _, folder = cached(tmp_path)
    store = logits.open(folder)
    spans = [slice(a, b) for a in range(0, 10, 3) for b in range(a + 1, 11)] * 5
    alone = [store.read(span)[0].tobytes() for span in spans]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda span: store.read(span)[0].tobytes(), spans)) == alone


@pytest.mark.parametrize("job", [None, (0, 2)])
def test_a_disk_that_cannot_hold_it_stops_the_run_and_keeps_what_is_there(
    tmp_path: Path, job: tuple[int, int] | None
) -> None:
    _, _, folder = cached(tmp_path)
    with pytest.raises(ValueError, match=r"may need \S+ GB, the disk has \S+ GB left"):
        cached(tmp_path, views=Views(augmented=10**9), job=job)
    assert verify(folder) == []
    assert logits.open(folder).layout.columns["matrix"].shape == (1, 2, 3)


def test_another_job_at_work_on_a_shard_is_told_before_the_model_runs(tmp_path: Path) -> None:
    _, _, folder = cached(tmp_path)
    identity = {
        k: v for k, v in logits.open(folder).identity.items() if k not in ("format", "kind")
    }
    other = Writer(tmp_path / "two", logits.open(folder).layout, identity)
    other.claim(0)
    shutil.rmtree(folder)
    (tmp_path / "two").rename(folder)
    with pytest.raises(ValueError, match=r"lock-.*-00000: another job is writing this shard"):
        cached(tmp_path)
    assert not (folder / "arrays.zarr").exists()
    other.folder = folder
    other.close()
    cached(tmp_path)


def kite_model(folder: Path, keypoints: list[str]) -> Path:
    """A model of a skeleton of its own: its keypoints, and no links."""
    folder.mkdir()
    skeleton = {"keypoints": keypoints, "sigmas": [0.1] * len(keypoints), "links": []}
    (folder / "kite.yaml").write_text(yaml.safe_dump(skeleton))
    return tiny.model_folder(folder / "model", str(folder / "kite.yaml"))


def test_other_flip_pairs_make_another_store(tmp_path: Path) -> None:
    names = ["left_wing", "right_wing", "left_tip", "right_tip"]
    model = kite_model(tmp_path / "kite", names)
    crossed = kite_model(tmp_path / "crossed", [names[0], names[3], names[2], names[1]])
    sample_folder, folder = tiny.sample_folder(tmp_path), tmp_path / "logits"
    logits.cache(model, sample_folder, folder, HOW)
    before = logits.open(folder)
    shards = [folder / before.layout.file("matrix", shard) for shard in range(3)]
    written = [path.stat().st_mtime_ns for path in shards]
    logits.cache(model, sample_folder, folder, HOW)
    assert [path.stat().st_mtime_ns for path in shards] == written
    logits.cache(crossed, sample_folder, folder, HOW)
    after = logits.open(folder)
    for path, time_before in zip(shards, written, strict=True):
        assert path.stat().st_mtime_ns > time_before
    assert before.identity["keypoints"] == names
    assert before.identity["flip_pairs"] == [[0, 1], [2, 3]]
    assert after.identity["flip_pairs"] == [[0, 3], [2, 1]]
    differing = {key for key, value in before.identity.items() if after.identity[key] != value}
    assert differing == {"keypoints", "flip_pairs"}
    assert after.fingerprint != before.fingerprint
    for one, other in zip(before.manifest["shards"], after.manifest["shards"], strict=True):
        changed = {Path(path).parts[1] for path in one if one[path] != other[path]}
        assert changed == {"simcc_x", "simcc_y"}  # the flip test averages other keypoints


def test_jobs_share_the_shards_and_the_store_is_that_of_one(tmp_path: Path) -> None:
    model, sample_folder, one = cached(tmp_path / "one")
    many = tmp_path / "many"
    for job in (1, 0):
        logits.cache(model, sample_folder, many, HOW, batch=3, job=(job, 2))
        assert not (many / "manifest.json").exists()
    seal(many)
    assert logits.open(many).manifest["shards"] == logits.open(one).manifest["shards"]
    assert [list(job_shards(7, job, 3)) for job in range(3)] == [[0, 1], [2, 3], [4, 5, 6]]
    with pytest.raises(ValueError, match="job 3 of 3: expected 0 to 2"):
        job_shards(7, 3, 3)


def test_the_manifest_tells_how_fast_it_was(tmp_path: Path) -> None:
    started = time.perf_counter()
    _, _, folder = cached(tmp_path)
    passed = time.perf_counter() - started
    runtime = logits.open(folder).manifest["runtime"]
    assert runtime["num_rows"] == 10
    assert [shard["num_rows"] for shard in runtime["by_shard"]] == [4, 4, 2]
    assert 0 < runtime["seconds_inference"] < runtime["seconds_elapsed"] < passed
    for step in ("decoding", "inference", "writing", "elapsed"):
        total = sum(shard[f"seconds_{step}"] for shard in runtime["by_shard"])
        assert runtime["samples_per_s"][step] == pytest.approx(10 / total, rel=0.2, abs=0.06)
