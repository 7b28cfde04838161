import json
from pathlib import Path

import numpy as np
import pytest

import posecache
import tiny
from posecache import geometry, logits, samples, simcc, skeletons
from posecache.contract import BETA
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.samples.store import SampleStore
from posecache.scores.benchmarks import evaluate, restrict
from posecache.scores.settings import Measure
from posecache.stores.layout import Column, Layout
from posecache.stores.settings import Cut
from posecache.stores.writer import Writer

SIZE = (96, 128)
UNION, HALPE = "coco17+mpii16", "halpe26+mpii16"


def perfect(folder: Path, store: SampleStore, skeleton: str, shift: float = 0.0) -> Path:
    """A logit store whose keypoints are the samples' own, moved `shift` image px to the right."""
    known = skeletons.load(skeleton)
    mine, theirs = known.indices_in(skeletons.load(store.skeleton))
    matrix = geometry.box_matrices(store.column("box"), SIZE)
    truth = store.column("keypoints")[:, theirs].astype(float) + np.array([shift, 0])
    points = np.full((store.n, known.num_keypoints, 2), 10.0)
    points[:, mine] = geometry.apply(matrix, truth).numpy()
    x, y, _ = simcc.encode(points, np.ones(points.shape[:2]), SIZE, (2, 2), split_ratio=8)
    columns = {
        "simcc_x": x[:, None].numpy().astype(np.float32),
        "simcc_y": y[:, None].numpy().astype(np.float32),
        "matrix": matrix[:, None].numpy(),
    }
    plan = Layout(
        kind="logits",
        num_rows=store.n,
        columns={k: Column(shape=v.shape[1:], dtype=str(v.dtype)) for k, v in columns.items()},
        **Cut().model_dump(),
    )
    kept = {key: skeletons.load(skeleton).content[key] for key in ("keypoints", "flip_pairs")}
    identity = {"samples": store.people.digest, "encoding": "float32", "levels": [], **kept}
    identity |= {"label_offset": [0.0, 0.0]}
    about = {
        "annotations": store.identity["files"],
        "model": "m",
        "skeleton": skeleton,
        "input_size": SIZE,
        "split_ratio": 8.0,
    }
    writer = Writer(folder, plan, identity, about | {"beta": BETA, "flip": True})
    writer.write(0, columns, {})
    writer.seal()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> SampleStore:
    return samples.open(tiny.sample_folder(tmp_path))


def test_a_perfect_model_scores_100(store: SampleStore, tmp_path: Path) -> None:
    opened = logits.open(perfect(tmp_path / "l", store, "coco17"), samples=store)
    oks = evaluate("coco", Measure(metric="oks"), opened, store)
    assert oks["metrics"]["AP"] == pytest.approx(100)
    assert oks["protocol"]["n"] == 10
    assert (oks["benchmark"], oks["num_keypoints"]) == ("coco", 17)
    pckh = evaluate("p", Measure(metric="pckh"), opened, store)
    assert pckh["metrics"]["mean"] == pytest.approx(100)
    # Head boxes of 6 x 8 px give head sizes of 6 px, and 3.5 px is more than half of that.
    moved = logits.open(perfect(tmp_path / "s", store, "coco17", shift=3.5), samples=store)
    assert evaluate("p", Measure(metric="pckh"), moved, store)["metrics"]["mean"] == 0


def test_keypoints_that_the_model_lacks_are_misses_unless_left_out(
    store: SampleStore, tmp_path: Path
) -> None:
    opened = logits.open(perfect(tmp_path / "l", store, "mpii16"), samples=store)
    whole = evaluate("p", Measure(metric="pckh"), opened, store)
    assert whole["metrics"]["mean"] == pytest.approx(100 * 12 / 17)
    shared = Measure(metric="pckh", shared_with="mpii16")
    part = evaluate("p12", shared, opened, store)
    assert part["metrics"]["mean"] == pytest.approx(100)
    assert "head" not in part["metrics"]
    assert len(part["protocol"]["keypoints"]) == 12
    all17 = evaluate("coco", Measure(metric="oks"), opened, store)["metrics"]["AP"]
    twelve = Measure(metric="oks", shared_with="mpii16")
    assert all17 < evaluate("c12", twelve, opened, store)["metrics"]["AP"] == pytest.approx(100)


def test_images_that_are_left_out_are_no_misses(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    kept = tiny.annotations(path, wanted=frozenset({"1.jpg", "4.jpg"}))
    samples.prepare(kept, tmp_path / "samples")
    store = samples.open(tmp_path / "samples")
    opened = logits.open(perfect(tmp_path / "l", store, "coco17"), samples=store)
    oks = evaluate("coco", Measure(metric="oks"), opened, store)
    assert oks["metrics"]["AP"] == pytest.approx(100)
    path.write_text(path.read_text() + " ")
    with pytest.raises(ValueError, match=r"annotations.json: is not the file any more"):
        evaluate("coco", Measure(metric="oks"), opened, store)


def test_halpe_is_scored_on_the_21_with_its_own_sigmas_and_the_thoraxs(tmp_path: Path) -> None:
    path = tiny.write_coco(tmp_path)
    record = json.loads(path.read_text())
    for annotation in record["annotations"]:
        x, y, width, height = annotation["bbox"]
        annotation["keypoints"] += [x + width / 2, y + height / 2, 2] * 119
    path.write_text(json.dumps(record))
    samples.prepare(tiny.annotations(path, None, HALPE, "halpe"), tmp_path / "samples")
    store = samples.open(tmp_path / "samples")
    opened = logits.open(perfect(tmp_path / "l", store, UNION), samples=store)
    score = evaluate("halpe", Measure(metric="oks", shared_with=UNION), opened, store)
    assert score["metrics"]["AP"] == pytest.approx(100)
    protocol = score["protocol"]
    assert sorted(protocol["keypoints"]) == sorted(skeletons.load(UNION).keypoints)
    sigmas = dict(zip(protocol["keypoints"], protocol["sigmas"], strict=True))
    assert (sigmas["pelvis"], sigmas["thorax"]) == (0.066, 0.026)  # Halpe's and MPII's
    assert score["derived"] == {}
    rival = logits.open(perfect(tmp_path / "rival", store, "halpe26"), samples=store)
    score = evaluate("halpe", Measure(metric="oks", shared_with=UNION), rival, store)
    assert score["metrics"]["AP"] == pytest.approx(100)  # the thorax is the labels' own midpoint
    assert score["derived"] == {"thorax": ["left_shoulder", "right_shoulder"]}
    assert score["num_keypoints"] == 26


def test_restrict_keeps_the_named_keypoints_and_counts_them_again() -> None:
    record = tiny.coco_record(images=1, people=1)
    points = record["annotations"][0]["keypoints"]
    points[3 * 5 + 2] = 0
    record["annotations"][0]["keypoints"] = np.reshape(points, (17, 3))
    part = restrict(record, [5, 0])
    assert part["annotations"][0]["keypoints"] == points[15:18] + points[:3]
    assert part["annotations"][0]["num_keypoints"] == 1
    assert record["annotations"][0]["num_keypoints"] == 17


def test_pckh_without_head_sizes_names_the_person(tmp_path: Path) -> None:
    record = tiny.coco_record()
    del record["annotations"][2]["head_box"]
    path = tiny.write_coco(tmp_path, record)
    annotations = tiny.annotations(path)
    samples.prepare(annotations, tmp_path / "samples")
    store = samples.open(tmp_path / "samples")
    opened = logits.open(perfect(tmp_path / "l", store, "coco17"), samples=store)
    with pytest.raises(ValueError, match="row 2, person 102: PCKh needs a head box"):
        evaluate("p", Measure(metric="pckh"), opened, store)


def test_a_cached_model_is_scored_by_its_logits(store: SampleStore, tmp_path: Path) -> None:
    model = tiny.model_folder(tmp_path / "model")
    logits.cache(model, store.folder, tmp_path / "logits")
    found = evaluate("p", Measure(metric="pckh"), logits.open(tmp_path / "logits"), store)
    assert found["model"] == Card.load(model / CARD_FILE).name
    assert (found["benchmark"], found["posecache"]) == ("p", posecache.__version__)
    assert (model / MODEL_FILE).exists()
    assert 0 <= found["metrics"]["mean"] <= 100


def test_people_without_labels_are_no_benchmark(tmp_path: Path) -> None:
    store = samples.open(tiny.unlabelled_folder(tmp_path))
    logits.cache(tiny.model_folder(tmp_path / "model"), store.folder, tmp_path / "l")
    opened = logits.open(tmp_path / "l", samples=store)
    with pytest.raises(ValueError, match="samples: has no labels to score against"):
        evaluate("coco", Measure(metric="oks"), opened, store)
