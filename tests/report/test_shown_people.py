"""Which people the page shows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tiny
from four_outputs import refined_folder
from posecache import logits, samples, skeletons
from posecache.models.card import CARD_FILE, Card
from posecache.report.contents import Benchmark, Contents
from posecache.report.looks import CACHED, LIVE, Look, Looks, crops_of, upright_crops
from posecache.report.people import Labels, Scored, examples, scored
from posecache.samples.store import SampleStore
from posecache.scores.predictions import Predictions, predict
from posecache.scores.settings import Measure

COCO17 = skeletons.load("coco17")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    """Ten people, two in each of five pictures."""
    return samples.open(tiny.sample_folder(tmp_path_factory.mktemp("s"), crops=True))


def judged(store: SampleStore, values: list[float], metric: str = "oks") -> Scored:
    nothing = np.zeros((store.n, 17, 2))
    return Scored(
        store=store, benchmark="b", measure=Measure.model_validate({"metric": metric}),
        skeleton=COCO17, predictions=Predictions(nothing, nothing[..., 0], nothing[:, 0, 0]),
        values=np.array(values), labels=Labels(COCO17, nothing),
    )  # fmt: skip


VALUES = [0.5, 0.1, 0.9, np.nan, 0.3, 0.7, 0.2, 0.8, 0.6, 0.4]


def test_the_worst_the_typical_and_the_best(store: SampleStore) -> None:
    found = {(case.kind, case.row) for case in judged(store, VALUES).cases()}
    assert found == {
        ("worst", 1), ("worst", 6), ("worst", 4), ("typical", 8), ("typical", 0),
        ("best", 2), ("best", 7), ("best", 5),
    }  # fmt: skip


def test_distances_are_best_when_small(store: SampleStore) -> None:
    found = judged(store, VALUES, "pckh").cases()
    assert [(case.kind, case.row) for case in found[:3]] == [
        ("worst", 2), ("worst", 7), ("worst", 5),
    ]  # fmt: skip
    assert found[0].told == "0.90 head sizes off"


def test_nobody_is_shown_twice(store: SampleStore) -> None:
    few = judged(store, [np.nan] * 8 + [0.2, 0.4]).cases()
    assert [case.row for case in few] == [8, 9]
    assert judged(store, [np.nan] * 10).cases() == []


def test_images_go_from_the_best_to_the_worst(store: SampleStore) -> None:
    """Means of the images' people: 0.3, 0.9 (one has no value), 0.5, 0.5, 0.5."""
    assert judged(store, VALUES).images(5) == [1, 2, 3, 4, 0]
    assert judged(store, VALUES).images(2) == [2, 4]
    assert judged(store, VALUES, "pckh").images(5)[0] == 0
    assert judged(store, [np.nan] * 10).images(2) == []


def test_examples_lie_evenly(store: SampleStore) -> None:
    assert [case.row for case in examples(store)] == [2, 4, 6]


def experiment(store: SampleStore, model: Path, **stores: Path) -> Contents:
    name = store.folder.name
    return Contents(
        title="t", tables={}, sweeps={}, scores=[], runs=["m"], models={"m": model},
        samples={name: store.folder}, training_sets=[], taught={}, teachers=[], flip=True,
        benchmarks={
            "part": Benchmark(name, Measure(metric="pckh", shared_with="mpii16")),
            "all": Benchmark(name, Measure(metric="oks")),
        },
        logits={(m, name): folder for m, folder in stores.items()}, student="m",
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("m") / "model")


@pytest.fixture(scope="module")
def cached(model: Path, store: SampleStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("l") / "logits"
    logits.cache(model, store.folder, folder, logits.Caching(encoding="float32"))
    return folder


def test_the_benchmark_that_counts_all_keypoints_tells(
    store: SampleStore, model: Path, cached: Path
) -> None:
    found = scored(experiment(store, model, m=cached), store.folder.name)
    assert (found.benchmark, found.labels.skeleton.num_keypoints) == ("all", 17)
    np.testing.assert_array_equal(found.predictions.keypoints,
                                  predict(logits.open(cached)).keypoints)  # fmt: skip
    assert np.isfinite(found.values).all()


def look(contents: Contents, store: SampleStore, rows: list[int]) -> Look:
    card = Card.load(contents.models["m"] / CARD_FILE)
    found = Looks(contents).of("m", store, rows, upright_crops(card, store, rows))
    assert found is not None
    return found


@pytest.mark.parametrize("made", [tiny.model_folder, refined_folder])
def test_a_model_that_is_run_says_what_it_has_cached(
    made: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Of a set without stored crops, so that both see the same px."""
    model = made(tmp_path / "model")
    bare = samples.open(tiny.sample_folder(tmp_path))
    logits.cache(model, bare.folder, tmp_path / "l", logits.Caching(encoding="float32"))
    kept = look(experiment(bare, model, m=tmp_path / "l"), bare, [7, 2])
    live = look(experiment(bare, model), bare, [7, 2])
    assert (kept.origin, live.origin) == (CACHED, LIVE)
    for name in ("x", "y", "matrix"):
        np.testing.assert_allclose(getattr(live, name), getattr(kept, name), atol=1e-5)
    expected = predict(logits.open(tmp_path / "l")).keypoints[[7, 2]]
    np.testing.assert_array_equal(kept.predictions.keypoints, expected)
    np.testing.assert_allclose(live.predictions.keypoints, expected, atol=1e-4)
    assert len(kept.refined) == len(live.refined) == (made is refined_folder)


def test_in_its_own_crop_a_distribution_stays(
    store: SampleStore, model: Path, cached: Path
) -> None:
    kept = look(experiment(store, model, m=cached), store, [4])
    x, y, mass = kept.carried(kept.matrix, kept.input_size)
    raised = np.exp(kept.beta * (kept.x - kept.x.max(-1, keepdims=True)))
    np.testing.assert_allclose(x, raised / raised.sum(-1, keepdims=True), atol=1e-5)
    assert y.shape[-1] == 2 * kept.input_size[1]
    np.testing.assert_allclose(mass, 1, atol=1e-5)


def test_without_cache_and_model_nothing_is_said(store: SampleStore, model: Path) -> None:
    looks = Looks(experiment(store, model))
    assert looks.of("other", store, [0], np.zeros((1, 2, 3))) is None


def test_pictures_of_a_training_set_come_from_its_own_crops(model: Path, tmp_path: Path) -> None:
    """Up to what JPEG does to them, they are the pictures' px."""
    people, stores = tiny.annotations(tiny.write_coco(tmp_path)), []
    for name, crops in (("kept", samples.Crops(size=128, context=3, quality=95)), ("cut", None)):
        samples.prepare(people, tmp_path / name, crops=crops)
        stores.append(samples.open(tmp_path / name))
    card = Card.load(model / CARD_FILE)
    matrices = upright_crops(card, stores[0], [3])
    kept, cut = (crops_of(store, [3], matrices, card.input_size) for store in stores)
    assert np.abs(kept.astype(int) - cut).mean() < 6
