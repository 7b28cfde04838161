"""Parts of a global batch: whose rows are whose, and the draws that they have in the whole."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import recipe, stream, teaching

from posecache.training.batch import Batch
from posecache.training.losses import Objective
from posecache.training.recipe import Distil
from posecache.training.shares import Part, Share, draws
from posecache.training.stream import TrainingSet
from posecache.training.watching import spreads

EVERYTHING = {"flip_prob": 0.5, "rotate_prob": 0.5, "blur_prob": 0.5, "median_blur_prob": 0.5}


@given(count=st.integers(1, 70), world=st.integers(1, 9))
def test_each_row_of_a_chunk_has_one_owner(count: int, world: int) -> None:
    held = [Share(rank, world).within(count) for rank in range(world)]
    assert [row for rows in held for row in rows] == list(range(count))
    assert max(map(len, held)) - min(map(len, held)) <= 1
    owners = Share(0, world).owners(np.arange(count), np.full(count, count))
    assert [rank for rank, rows in enumerate(held) for _ in rows] == owners.tolist()


@given(data=st.data(), world=st.integers(1, 6))
def test_every_process_takes_a_sample(data: st.DataObject, world: int) -> None:
    owners = np.array(data.draw(st.lists(st.integers(0, world - 1), min_size=world, max_size=20)))
    takers = Share(0, world).takers(owners)
    assert set(takers.tolist()) == set(range(world))
    lacking = world - len(set(owners.tolist()))
    assert (takers != owners).sum() == lacking  # and no more than that changes hands


def test_a_process_without_a_sample_takes_the_last_one_of_whoever_has_most() -> None:
    assert Share(0, 3).takers(np.array([2, 0, 2, 2])).tolist() == [2, 0, 2, 1]


@pytest.mark.parametrize(
    ("batch", "chunks", "world", "largest"),
    [(256, 16, 2, 1.05), (256, 16, 4, 1.12), (256, 16, 8, 1.23), (1024, 24, 8, 1.08)],
)
def test_parts_are_about_equally_large(batch: int, chunks: int, world: int, largest: float) -> None:
    """Batches out of a window of chunks of 64 rows, and of what an earlier one left over."""
    rows, rng = np.tile(np.arange(64), chunks), np.random.default_rng(0)
    owners = Share(0, world).owners(rows, np.full(len(rows), 64))
    batches = [rng.choice(owners, batch, replace=False) for _ in range(500)]
    counts = [np.bincount(found, minlength=world).max() for found in batches]
    assert np.mean(counts) * world / batch == pytest.approx(largest, abs=0.02)


def test_a_parts_draws_are_those_of_the_whole() -> None:
    part = Part(np.array([4, 1]), total=5)
    whole, own = np.random.default_rng([3, 4]), draws([3, 4], part)
    for shape, mine in (((5, 2), (2, 2)), (5, 2)):
        for name, between in (("random", ()), ("uniform", (-1, 2)), ("integers", (0, 9))):
            expected = getattr(whole, name)(*between, shape)[[4, 1]]
            np.testing.assert_array_equal(getattr(own, name)(*between, mine), expected)
    np.testing.assert_array_equal(own.choice((3, 5, 7), 2), whole.choice((3, 5, 7), 5)[[4, 1]])


def parts_of(data: TrainingSet, world: int, **changes: object) -> tuple[Batch, list[Batch]]:
    """The first global batch, and each process' part of it."""
    how = recipe(**changes)
    ways = [Share(rank, world) for rank in range(world)]
    return next(stream(data, how).epoch(0)), [
        next(stream(data, how, share=share).epoch(0)) for share in ways
    ]


@pytest.mark.parametrize("geometry", ["transport", "replay"])
def test_a_part_is_prepared_as_it_is_in_the_global_batch(data: TrainingSet, geometry: str) -> None:
    how = recipe(augmentation=EVERYTHING, final_epochs=0, geometry=geometry)
    whole, parts = parts_of(data, 2)
    images, truth, targets = teaching(data, how).prepare(whole, 3, 0)
    for part in parts:
        assert part.part is not None
        places, made = part.part.places, teaching(data, how).prepare(part, 3, 0)
        torch.testing.assert_close(made[0], images[places])
        for name, value in vars(made[1]).items():
            torch.testing.assert_close(value, vars(truth)[name][places])
        for name in ("prob_x", "prob_y", "weight", "peak"):
            found = getattr(made[2]["teacher"], name)
            torch.testing.assert_close(found, getattr(targets["teacher"], name)[places])


@pytest.mark.parametrize("mode", ["equation-8", "authors-code", "dwpose"])
def test_losses_and_spreads_of_the_parts_add_up(data: TrainingSet, mode: str) -> None:
    """Three samples and two; the spreads' sums over the processes are taken by hand."""
    objective = Objective(distil=Distil(alpha=0.3, teachers={"teacher": 0.5}, mode=mode))
    whole, parts = parts_of(data, 2)
    sums: list[torch.Tensor] = []

    def values(batch: Batch, total: bool) -> dict[str, torch.Tensor]:
        _, truth, targets = teaching(data, recipe()).prepare(batch, 0, 0)
        places = slice(None) if batch.part is None else batch.part.places
        generator = torch.Generator().manual_seed(0)
        logits = [torch.randn(5, 21, 64, generator=generator)[places] for _ in range(2)]
        found = objective.parts(*logits, truth, targets, batch.total)
        keep = (lambda own: sum(sums)) if total else (lambda own: sums.append(own) or own)
        return found | spreads((logits[0], logits[1]), truth, targets, 10.0, keep)

    for part in parts:  # what each process would send
        values(part, total=False)
    apart = [values(part, total=True) for part in parts]
    sums.clear()
    together = values(whole, total=False)
    for name, value in together.items():
        torch.testing.assert_close(apart[0][name] + apart[1][name], value, msg=name)
