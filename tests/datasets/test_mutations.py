"""Files that are wrong at random: each is read whole, or refused in one line of ours."""

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wrong_files import RECORDS, Raw, read, text

from posecache import datasets

VALUES = [
    None, True, "", "text", "1", -1, 0, 1, 2, 3, 0.5, 1e9, 1e300, 10**30, [], {}, [[]], [0],
    {"id": 1}, Raw("NaN"), Raw("-Infinity"), Raw("1e400"), Raw("[" * 5000 + "]" * 5000), Raw("["),
]  # fmt: skip
SHOWN = 7  # of a list's items are worth changing


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every node of a record as (its owner, its key there), long lists only in part."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in list(keys)[:SHOWN]:
        yield node, key
        yield from places(node[key])


def small(record: Any) -> Any:
    """A record of few people, so that each of their keys is drawn often."""
    if isinstance(record, list):
        return record[:3]
    return record | {"images": record["images"][:2], "annotations": record["annotations"][:3]}


@st.composite
def mutated(draw: st.DrawFn, record: Any) -> str:
    """A file with one to three changes."""
    whole = [copy.deepcopy(record)]
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(whole))
        owner, key = draw(st.sampled_from(found))
        what = draw(st.sampled_from(["replace", "delete", "swap", "duplicate"]))
        if what == "replace" or owner is whole:
            owner[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif what == "delete":
            del owner[key]
        elif what == "duplicate":
            twin = copy.deepcopy(owner[key])
            owner.insert(key, twin) if isinstance(owner, list) else owner.update(twin=twin)
        else:
            other, place = draw(st.sampled_from(found))
            owner[key], other[place] = copy.deepcopy((other[place], owner[key]))
    return text(whole[0])


def refusal(folder: Path, kind: str, content: str) -> str | None:
    """Why a file is refused; None if it is read, and then its people can be used and scored."""
    try:
        found = read(folder, kind, content)
    except ValueError as error:
        return str(error)
    assert np.isfinite(found.box).all()
    assert (found.area > 0).all()
    if kind != "mpii":
        record = datasets.truth(found.source)
        assert {image["id"] for image in record["images"]} >= set(found.image_id.tolist())
        assert all(np.isfinite(a["keypoints"]).all() for a in record["annotations"])
    return None


@pytest.mark.parametrize("kind", ["coco", "crowdpose", "halpe", "mpii", "detections"])
def test_a_changed_file_is_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    outcomes = Counter[str]()

    @settings(max_examples=500, suppress_health_check=list(HealthCheck))
    @given(content=mutated(small(RECORDS[kind])))
    def check(content: str) -> None:
        line = refusal(tmp_path, kind, content)
        outcomes["refused" if line else "read"] += 1
        if line:
            assert line.startswith(f"{tmp_path / kind}.json: ")
            assert "\n" not in line

    check()
    assert min(outcomes["refused"], outcomes["read"]) >= 25  # neither all harmless nor all fatal
