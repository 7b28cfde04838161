"""Whatever a configuration says, it is read or refused with one line."""

import copy
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_config import DEMO
from posecache import config
from posecache.config import resources
from posecache.config.documents import Document, parse
from posecache.config.loading import checked
from posecache.config.places import Places
from posecache.config.stages import Stages

ODD = st.sampled_from(
    [
        None, True, 0, -1, 10**30, 1e300, float("inf"), float("nan"), "", "x", "a+b", ":", "a:b",
        "coco17", "null", [], [[]], [None], {}, {"": None}, {"a": {"b": []}}, {1: 2},
    ]
)  # fmt: skip


IMPORTED = {"weights": "a.pth", "skeleton": "mpii16", "input_size": [64, 64], "crop": "stretch"}
SWEEP = {
    "student": "unified-t", "alpha": [0.5], "seed": [0], "title": "x",
    "columns": {"AP": ["coco", "AP"]}, "by": ["coco", "AP"],
}  # fmt: skip


def nodes(record: Any) -> Iterator[tuple[Any, Any]]:
    """Each section or list of a record, with each of its keys."""
    for key in list(record) if isinstance(record, dict) else range(len(record)):
        yield record, key
        if isinstance(record[key], dict | list):
            yield from nodes(record[key])


def refusal(document: Document) -> str:
    """The line with which a configuration is refused; empty if it is right."""
    try:
        found = checked(document)
    except ValueError as error:
        return str(error)
    plan(found)
    return ""


def plan(found: config.Config) -> None:
    """Ask for all that the rules ask for."""
    stages = Stages(Places(found))
    for name in stages.things.tables:
        stages.make_table(name)
    for name in found.trained:
        stages.train_student(name)
        resources.training_mb(found, name)
    for name in found.imported:
        stages.import_model(name)
        resources.caching_mb(found, name)
    for name in found.samples:
        stages.prepare_samples(name)
    for name, student in [(b, s) for s in found.runs for b in found.benchmarks_of(s)]:
        stages.score(student, name)
        stages.cache_logits(student, found.benchmarks[name].samples)
    assert bool(stages.everything) == bool(found.students or stages.things.tables)


@settings(max_examples=300)
@given(data=st.data())
def test_any_change_is_right_or_one_line(data: st.DataObject) -> None:
    teachers = DEMO["teachers"] | {"third": IMPORTED}
    record = copy.deepcopy(DEMO | {"teachers": teachers, "sweeps": {"some": SWEEP}})
    for _ in range(data.draw(st.integers(1, 2))):
        section, key = data.draw(st.sampled_from(list(nodes(record))))
        if data.draw(st.booleans()) and isinstance(section, dict):
            del section[key]
        else:
            section[key] = copy.deepcopy(data.draw(ODD))
    message = refusal(Document.of(record, "config"))
    assert "\n" not in message
    assert message == "" or message.startswith("config: ")


LETTERS = st.text("ab:{}[]&*<>-'\" \n#|!?%,1e.~", max_size=40)


@settings(max_examples=500)
@given(text=LETTERS)
def test_any_text_is_yaml_or_one_line_with_its_place(text: str) -> None:
    message = "mine.yaml"
    try:
        parse(text, message)
    except ValueError as error:
        message = str(error)
    assert message.startswith("mine.yaml")
    assert "\n" not in message


def test_the_demo_written_anew_is_the_demo() -> None:
    content, _ = parse(yaml.safe_dump(DEMO), "mine.yaml")
    assert config.parse(content) == config.parse(DEMO)
