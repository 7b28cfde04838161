import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from posecache import samples
from posecache.samples.people import People
from posecache.samples.store import SampleStore

Person = tuple[str, int, int]  # image name, instance id, left side of the box


def people(persons: list[Person]) -> People:
    names = np.array([name.encode() for name, _, _ in persons])
    box = np.array([[left, 2, 3, 4] for _, _, left in persons], np.float32)
    picture = np.array([[len(name)] * 16 for name, _, _ in persons], np.uint8)
    image = names.view(np.uint8).reshape(len(persons), -1)
    return People(image, picture, np.array([person for _, person, _ in persons]), box)


def store(folder: Path, record: dict[str, Any] | None = None, **options: Any) -> SampleStore:
    path = tiny.write_coco(folder / "data", record)
    samples.prepare(tiny.annotations(path, **options), folder / "samples", cut=tiny.SMALL_CUT)
    return samples.open(folder / "samples")


def test_people_are_what_a_sample_set_says(tmp_path: Path) -> None:
    found = store(tmp_path)
    assert found.people.names.tolist() == [f"{n}.jpg".encode() for n in range(1, 6) for _ in "ab"]
    np.testing.assert_array_equal(found.people.box, found.column("box"))
    np.testing.assert_array_equal(found.people.instance_id, found.column("instance_id"))
    np.testing.assert_array_equal(found.people.picture, found.column("picture"))


def test_place_cut_crops_and_labels_do_not_count(tmp_path: Path) -> None:
    one, record = store(tmp_path / "one"), tiny.coco_record()
    record["annotations"][4]["keypoints"][:2] = [1, 1]
    record["info"] = "another file"
    path = tiny.write_coco(tmp_path / "data", record)
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    annotations = tiny.annotations(tmp_path / "elsewhere" / path.name)
    samples.prepare(annotations, tmp_path / "other", crops=tiny.CROPS)
    other = samples.open(tmp_path / "other")
    assert other.people.digest == one.people.digest
    assert other.labels != one.labels


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r["annotations"][3].update(bbox=[1, 2, 3, 4.5]),
         r"its box is \[1, 2, 3, 4\.5\] here, \["),
        (lambda r: r["annotations"][3].update(id=7), r"nobody in '2\.jpg' has this number there"),
        (lambda r: r["images"][1].update(file_name="x.jpg"), r"no image 'x\.jpg' is there"),
    ],
    ids=["box", "person", "image"],
)  # fmt: skip
def test_who_is_somebody_else_is_told_by_what_differs(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    record = tiny.coco_record()
    change(record)
    one, other = store(tmp_path / "one", record).people, store(tmp_path / "other").people
    assert one.digest != other.digest
    missing = np.flatnonzero(one.rows_in(other) < 0)
    assert 3 in missing
    assert re.search(told, one.unlike(3, other))


NAMES = st.sampled_from(["a", "b", "a.jpg", "long/name.jpg"])
PERSONS = st.lists(st.tuples(NAMES, st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12)


@given(mine=PERSONS, theirs=PERSONS)
def test_rows_are_found_as_by_looking_at_each(mine: list[Person], theirs: list[Person]) -> None:
    rows = people(mine).rows_in(people(theirs))
    for person, row in zip(mine, rows.tolist(), strict=True):
        assert theirs[row] == person if row >= 0 else person not in theirs
    assert (people(mine).digest == people(theirs).digest) == (mine == theirs)
