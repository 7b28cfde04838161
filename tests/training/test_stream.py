from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from posecache import logits, samples, skeletons
from posecache.training.batch import Batch
from posecache.training.resident import Keeping
from posecache.training.shares import Share
from posecache.training.stream import Stream, TrainingSet, shuffled_chunks


@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_every_chunk_comes_once_an_epoch(counts: list[int], seed: int) -> None:
    chunks = shuffled_chunks(counts, seed, epoch=3)
    expected = [(i, c) for i, count in enumerate(counts) for c in range(count)]
    assert sorted(chunks) == expected
    assert chunks == shuffled_chunks(counts, seed, epoch=3)


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(shuffled_chunks([40], s, e)) for s in range(3) for e in range(3)}
    assert len(orders) == 9


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingSet]:
    """Two sample sets of ten persons, and a teacher's logits over each."""
    folder = tmp_path_factory.mktemp("sets")
    model = tiny.model_folder(folder / "model")
    found = []
    for name in ("a", "b"):
        store = samples.open(tiny.sample_folder(folder / name, crops=True))
        how = logits.Caching(**tiny.SMALL_CUT.model_dump())
        logits.cache(model, store.folder, folder / f"{name}_logits", how)
        opened = logits.open(folder / f"{name}_logits", samples=store)
        found.append(TrainingSet(samples=store, logits={"teacher": opened}))
    return found


def stream(sets: list[TrainingSet], **changes: Any) -> Stream:
    options = {"batch_size": 4, "seed": 0, "memory_mb": 10, "window_chunks": 3}
    return Stream(sets, skeletons.load("coco17+mpii16"), **(options | changes))


def assert_same(one: Batch, other: Batch) -> None:
    for here, there in zip(one.crops.images(), other.crops.images(), strict=True):
        np.testing.assert_array_equal(here, there)
    for here, there in zip(one.arrays, other.arrays, strict=True):
        np.testing.assert_array_equal(here, there)


def test_rows_stay_together_and_none_comes_twice(sets: list[TrainingSet]) -> None:
    batches = list(stream(sets).epoch(0))
    assert len(batches) == 5
    boxes = Counter(tuple(box) for batch in batches for box in batch.box.tolist())
    known = Counter(tuple(b) for s in sets for b in s.samples.column("box").tolist())
    assert boxes == known  # 20 rows fill 5 batches of 4
    store = sets[0]
    x, y, matrix = store.logits["teacher"].read(slice(0, 10))
    places = [tuple(box) for box in store.samples.column("box").tolist()]
    for batch in batches:
        taught = batch.teachers["teacher"]
        for row, box in enumerate(batch.box.tolist()):
            origin = places.index(tuple(box))
            np.testing.assert_array_equal(taught.x[row], x[origin])
            np.testing.assert_array_equal(taught.y[row], y[origin])
            np.testing.assert_array_equal(taught.matrix[row], matrix[origin])
            keypoints = store.samples.column("keypoints")[origin]
            np.testing.assert_array_equal(batch.keypoints[row, :17], keypoints)
            assert np.isnan(batch.keypoints[row, 17:]).all()


@pytest.mark.parametrize("changes", [{"memory_mb": 0}, {"memory_mb": 0.05}, {"threads": 4}])
def test_memory_and_threads_change_no_batch(
    sets: list[TrainingSet], changes: dict[str, Any]
) -> None:
    once, again = stream(sets), stream(sets, **changes)
    for epoch in (0, 1):
        for a, b in zip(once.epoch(epoch), again.epoch(epoch), strict=True):
            assert_same(a, b)


def test_no_more_is_kept_than_the_memory_allows(sets: list[TrainingSet]) -> None:
    everything = stream(sets)
    # Each row of the sets is in one of the batches.
    size = sum(batch.nbytes for batch in everything.epoch(0))
    assert everything.cached_bytes == size
    crops = sum(s.samples.crops(0, 10).nbytes for s in sets)
    for place, memory in (("decoding", size / 3), ("memory", (size + crops) / 2)):
        few = stream(sets, memory_mb=memory / 2**20, keeping=Keeping(pictures=place))
        for epoch in range(3):
            list(few.epoch(epoch))
        assert memory / 2 < few.cached_bytes <= memory
        assert not few.resident


def test_a_remainder_is_dropped_and_another_one_next_epoch(sets: list[TrainingSet]) -> None:
    source = stream(sets, batch_size=6)
    assert source.steps_per_epoch == 3
    seen = {
        tuple(sorted(tuple(box) for batch in source.epoch(epoch) for box in batch.box.tolist()))
        for epoch in range(4)
    }
    assert len(seen) > 1


@pytest.mark.parametrize(("batch_size", "sizes"), [(6, [6, 6, 6, 2]), (5, [5] * 4), (64, [20])])
def test_a_remainder_may_make_a_smaller_last_batch(
    sets: list[TrainingSet], batch_size: int, sizes: list[int]
) -> None:
    source = stream(sets, batch_size=batch_size, drop_last=False)
    batches = list(source.epoch(0))
    assert [len(batch) for batch in batches] == sizes
    assert source.steps_per_epoch == len(sizes)
    seen = Counter(tuple(box) for batch in batches for box in batch.box.tolist())
    assert seen == Counter(tuple(b) for s in sets for b in s.samples.column("box").tolist())


@pytest.mark.parametrize("changes", [{}, {"batch_size": 3}, {"batch_size": 7, "window_chunks": 4}])
@pytest.mark.parametrize("drop_last", [True, False])
def test_an_epoch_may_begin_at_any_of_its_steps(
    sets: list[TrainingSet], changes: dict[str, Any], drop_last: bool
) -> None:
    """Windows that leave no row over, one, or several."""
    whole = list(stream(sets, drop_last=drop_last, **changes).epoch(1))
    for start in range(len(whole)):
        later = list(stream(sets, drop_last=drop_last, **changes).epoch(1, start))
        assert len(later) == len(whole) - start
        for here, there in zip(whole[start:], later, strict=True):
            assert_same(here, there)


def test_what_lies_before_the_first_step_is_not_read(sets: list[TrainingSet]) -> None:
    """Ten chunks of two rows in windows of three, which are a batch and two rows left over."""
    chunk = sum(b.nbytes for b in stream(sets).epoch(0)) / 10
    read = []
    for start in range(5):
        source = stream(sets, keeping=Keeping(pictures="decoding"))
        list(source.epoch(0, start))
        read.append(round(source.cached_bytes / chunk))
    # The first and the third window leave two rows over, of one chunk or two; the second none.
    assert read[0] == 10
    assert 7 < read[1] == read[2] <= 9
    assert read[3] == 4
    assert 1 < read[4] <= 3


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("changes", [{}, {"batch_size": 7, "drop_last": False}, {"memory_mb": 0}])
def test_processes_have_parts_of_the_same_batches(
    sets: list[TrainingSet], world: int, changes: dict[str, Any]
) -> None:
    """Chunks have two rows, so that the first of three processes has no part of any."""
    streams = [stream(sets, share=Share(rank, world), **changes) for rank in range(world)]
    for epoch, start in ((0, 0), (1, 0), (2, 1)):
        whole = list(stream(sets, **changes).epoch(epoch, start))
        parts = [list(source.epoch(epoch, start)) for source in streams]
        for batch, *own in zip(whole, *parts, strict=True):
            places = [part.part.places for part in own if part.part is not None]
            assert sorted(np.concatenate(places).tolist()) == list(range(len(batch)))
            for part, here in zip(own, places, strict=True):
                assert 1 <= len(part) == len(here)
                assert part.total == batch.total == len(batch)
                for mine, all_ in zip(part.arrays, batch.arrays, strict=True):
                    np.testing.assert_array_equal(mine, all_[here])
                crops = batch.crops.images(here)
                for mine, all_ in zip(part.crops.images(), crops, strict=True):
                    np.testing.assert_array_equal(mine, all_)


def test_a_process_keeps_its_own_rows_alone(sets: list[TrainingSet]) -> None:
    alone, half = stream(sets), [stream(sets, share=Share(rank, 2)) for rank in range(2)]
    for source in (alone, *half):
        list(source.epoch(0))
        assert source.resident
    kept = [source.cached_bytes for source in half]
    assert sum(kept) == alone.cached_bytes
    assert max(kept) < 0.6 * alone.cached_bytes


@pytest.mark.parametrize("changes", [{"batch_size": 2}, {"batch_size": 6, "drop_last": False}])
def test_a_batch_too_small_for_all_processes_says_so(
    sets: list[TrainingSet], changes: dict[str, Any]
) -> None:
    with pytest.raises(
        ValueError, match=r"20 samples in batches of \d: one of 2 is too small for 3"
    ):
        stream(sets, share=Share(0, 3), **changes)


def test_too_few_samples_for_a_batch_say_so(sets: list[TrainingSet]) -> None:
    with pytest.raises(ValueError, match="20 samples do not fill one batch of 64"):
        stream(sets, batch_size=64)


def test_a_set_without_crops_is_refused_when_it_is_read(tmp_path: Path) -> None:
    store = samples.open(tiny.sample_folder(tmp_path))
    source = stream([TrainingSet(samples=store, logits={})])
    with pytest.raises(ValueError, match="stores no crops"):
        list(source.epoch(0))


def test_sets_may_have_crops_of_unlike_sizes(sets: list[TrainingSet], tmp_path: Path) -> None:
    people = tiny.annotations(tiny.write_coco(tmp_path))
    samples.prepare(people, tmp_path / "s", crops=samples.Crops(size=40), cut=tiny.SMALL_CUT)
    small, large = sets[0].samples, samples.open(tmp_path / "s")
    both = [TrainingSet(samples=store, logits={}) for store in (small, large)]
    shown = [image for batch in stream(both).epoch(0) for image in batch.crops.images()]
    stored = [image for store in (small, large) for image in store.crops(0, 10).images()]
    assert len({image.shape for image in shown}) > 2
    assert Counter(map(np.ndarray.tobytes, shown)) == Counter(map(np.ndarray.tobytes, stored))
