"""Logits are joined to samples by who the rows are, not by where they lie or stand."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from posecache import logits, samples
from posecache.samples.store import SampleStore
from posecache.stores.manifest import MANIFEST

HOW = logits.Caching(chunk_rows=2, shard_rows=4)


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The logits over ten persons; the samples are not there any more."""
    folder = tmp_path_factory.mktemp("cached")
    model, sample_folder = tiny.model_folder(folder / "model"), tiny.sample_folder(folder)
    logits.cache(model, sample_folder, folder / "logits", HOW)
    shutil.rmtree(folder / "samples")
    shutil.rmtree(folder / "data")
    return folder / "logits"


def prepared(folder: Path, record: dict[str, Any], **options: Any) -> SampleStore:
    annotations = tiny.annotations(tiny.write_coco(folder / "data"))
    annotations.source.annotations.write_text(json.dumps(record))
    read = tiny.annotations(annotations.source.annotations, **options)
    samples.prepare(read, folder / "own", crops=tiny.CROPS)
    return samples.open(folder / "own")


def test_the_same_persons_elsewhere_and_cut_otherwise(cached: Path, tmp_path: Path) -> None:
    store = prepared(tmp_path, tiny.coco_record())
    found = logits.open(cached, samples=store)
    for one, other in zip(
        found.read(slice(0, 10)), logits.open(cached).read(slice(0, 10)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_no_folder_is_named(cached: Path) -> None:
    assert str(cached.parent) not in (cached / MANIFEST).read_text()


def reversed_record() -> dict[str, Any]:
    record = tiny.coco_record()
    record["images"].reverse()
    record["annotations"].reverse()
    return record


@pytest.mark.parametrize("wanted", [None, frozenset(["1.jpg", "4.jpg"]), frozenset(["3.jpg"])])
@pytest.mark.parametrize("record", [tiny.coco_record(), reversed_record()], ids=["order", "other"])
def test_some_of_the_persons_in_any_order(
    cached: Path, tmp_path: Path, record: dict[str, Any], wanted: frozenset[str] | None
) -> None:
    store = prepared(tmp_path, record, wanted=wanted)
    whole, found = logits.open(cached), logits.open(cached, samples=store)
    rows = [whole.column("instance_id").tolist().index(i) for i in store.column("instance_id")]
    assert found.n == store.n == len(rows)
    for start in range(store.n):
        for stop in range(start, store.n + 1):
            parts = found.read(slice(start, stop))
            each = [whole.read(slice(row, row + 1)) for row in rows[start:stop]]
            for axis, part in enumerate(parts):
                assert len(part) == stop - start
                for here, there in zip(part, each, strict=True):
                    np.testing.assert_array_equal(here, there[axis][0])


def test_other_labels_are_the_same_persons_to_an_upright_teacher(
    cached: Path, tmp_path: Path
) -> None:
    record = tiny.coco_record()
    record["annotations"][2]["keypoints"][:3] = [0, 0, 0]
    store = prepared(tmp_path, record)
    model, fingerprint = tiny.model_folder(tmp_path / "model"), logits.open(cached).fingerprint
    logits.cache(model, store.folder, tmp_path / "logits", HOW)
    assert logits.open(tmp_path / "logits").fingerprint == fingerprint
    views = HOW.model_copy(update={"views": logits.Views(augmented=1)})
    logits.cache(model, store.folder, tmp_path / "drawn", views)
    before = prepared(tmp_path / "before", tiny.coco_record())
    logits.cache(model, before.folder, tmp_path / "labels", views)
    drawn, labels = (logits.open(tmp_path / name).identity for name in ("drawn", "labels"))
    assert {key for key in drawn if drawn[key] != labels[key]} == {"labels"}


def test_one_person_too_many_is_named(cached: Path, tmp_path: Path) -> None:
    record = copy.deepcopy(tiny.coco_record())
    more = record["annotations"][-1] | {"id": 200}
    record["annotations"].append(more)
    store = prepared(tmp_path, record)
    told = r"logits: made from other samples than .*own .*: lacks 1 of its 11 persons, first .*"
    told += r"row 10, person 200: nobody in '5\.jpg' has this number there"
    with pytest.raises(ValueError, match=told):
        logits.open(cached, samples=store)
