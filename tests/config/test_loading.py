import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo_config import DEMO, ROOT
from posecache import config
from posecache.config.documents import parse
from posecache.config.loading import layers


def write(folder: Path, **texts: str) -> None:
    """Write each text as a configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)


def content(files: list[Path], given: dict[str, Any] | None = None) -> Any:
    return layers(files, given)[-1].content


def test_a_missing_section_is_named() -> None:
    record = copy.deepcopy(DEMO)
    del record["benchmarks"]
    with pytest.raises(ValueError, match=r"benchmarks: this key is missing"):
        config.parse(record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"c\.yaml:1: not YAML"),
        ("a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n", r"c\.yaml:5: b\.c: .* line 3 already$"),
        ("a: [{b: 1, b: 2}]", r"c\.yaml:1: a\.0\.b: .* line 1 already$"),
        ("a: &x {b: 1}\nc: {<<: *x, d: 1, d: 2}", r"c\.yaml:2: c\.d: "),
        ("a: &x [1, *x]\n", r"c\.yaml:1: a\.1: contains itself$"),
        ("extends: 3\n", r"c\.yaml:1: extends: expected the name of a file, got 3$"),
        ("\nextends: none.yaml\n", r"c\.yaml:2: extends: .*none\.yaml: no such configuration$"),
        ("extends: c.yaml\n", r"c\.yaml:1: extends: a circle, c\.yaml extends c\.yaml$"),
    ],
)
def test_what_is_wrong_in_a_file_has_its_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, c=text)
    with pytest.raises(ValueError, match=message):
        layers([tmp_path / "c.yaml"])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"c\.yaml: no such configuration"):
        config.load(tmp_path / "c.yaml")
    with pytest.raises(ValueError, match=rf"{tmp_path}: cannot be read"):
        config.load(tmp_path)
    (tmp_path / "c.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ValueError, match=r"c\.yaml: cannot be read"):
        config.load(tmp_path / "c.yaml")


def test_a_circle_is_named_from_its_first_file(tmp_path: Path) -> None:
    write(tmp_path, top="extends: a.yaml", a="extends: b.yaml", b="x: 1\nextends: a.yaml")
    circle = r"b\.yaml:2: extends: a circle, a\.yaml extends b\.yaml extends a\.yaml$"
    with pytest.raises(ValueError, match=circle):
        layers([tmp_path / "top.yaml"])


def test_a_configuration_may_extend_another(tmp_path: Path) -> None:
    text = "demo: null\nstudents: {unified-t: {distil: {alpha: 0.5}}}\n"
    write(tmp_path, mine=f"extends: {ROOT / 'config.yaml'}\n{text}")
    mine, demo = config.load(tmp_path / "mine.yaml"), config.load(ROOT / "config.yaml")
    assert mine.demo is None
    changed = mine.students["unified-t"].distil
    assert changed is not None
    assert (changed.alpha, changed.teachers["teacher-coco"]) == (0.5, 0.45)
    assert mine.students["mpii-t"] == demo.students["mpii-t"]


def test_layers_are_the_extended_ones_and_the_last_has_all(tmp_path: Path) -> None:
    write(tmp_path, a="x: {one: 1, two: 2}\n", b="extends: a.yaml\nx: {two: 3}\n")
    found = layers([], {"extends": str(tmp_path / "b.yaml"), "y": 4})
    assert [layer.content for layer in found] == [
        {"x": {"one": 1, "two": 2}},
        {"x": {"one": 1, "two": 3}},
        {"x": {"one": 1, "two": 3}, "y": 4},
    ]
    assert content([], {"y": 4}) == {"y": 4}


def test_extends_is_relative_to_the_file_that_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "low", a="x: 1", b="extends: a.yaml")
    write(tmp_path, top="extends: low/b.yaml\ny: 2")
    monkeypatch.chdir(tmp_path / "low")
    assert content([Path("../top.yaml")]) == {"x": 1, "y": 2}


def test_later_files_and_the_command_line_lie_on_top(tmp_path: Path) -> None:
    write(tmp_path, base="x: {a: 1}", one="extends: base.yaml\nx: {b: 2, c: 2}", two="x: {c: 3}")
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    given = {"x": {"d": "4", "e": "true", "f": "1e-3", "g": ["null", "t"]}, "y": "z"}
    rest = {"d": 4, "e": True, "f": 0.001, "g": [None, "t"]}
    assert content(files, given) == {"x": {"a": 1, "b": 2, "c": 3, **rest}, "y": "z"}


def test_null_removes_an_entry_with_a_name_and_sets_any_other_key(tmp_path: Path) -> None:
    text = """
students:
  a: {distil: {alpha: 0.1, teachers: {t: 1, u: 2}, temperatures: {t: 2, u: 4}}}
  b.c: {samples: [s]}
training: {clip: 1.0}
benchmarks: {x: {nms: 0.9}, y: {}}
"""
    write(tmp_path, base=text, one="extends: base.yaml\nbenchmarks: {y: {nms: 1}}")
    given = {
        "students": {
            "b.c": None,
            "a": {"distil": {"teachers": {"t": None}, "temperatures": {"t": None}}},
            "new": None,
        },
        "training": {"clip": None},
        "benchmarks": {"x": {"nms": None}, "y": None},
    }
    assert content([tmp_path / "one.yaml"], given) == {
        "students": {
            "a": {"distil": {"alpha": 0.1, "teachers": {"u": 2}, "temperatures": {"u": 4}}},
            "new": None,
        },
        "training": {"clip": None},
        "benchmarks": {"x": {"nms": None}},
    }


def test_a_mistake_is_placed_where_its_key_was_said_last(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(yaml.safe_dump(DEMO))
    write(tmp_path, mine="extends: base.yaml\n\ntraining:\n  lr: fast\n", top="training: {clip: 0}")
    files = [tmp_path / "mine.yaml", tmp_path / "top.yaml"]
    lr = {"training": {"lr": "0.1"}}
    with pytest.raises(ValueError, match=r"mine\.yaml:4: training\.lr: .*'fast'"):
        config.loading.checked(layers(files[:1])[-1])
    with pytest.raises(ValueError, match=r"top\.yaml:1: training\.clip: "):
        config.loading.checked(layers(files, lr)[-1])
    with pytest.raises(ValueError, match=r"^--config: training\.clip: "):
        config.loading.checked(layers(files, {"training": {"lr": "0.1", "clip": "-1"}})[-1])
    base.write_text(base.read_text().replace("batch: 64", "batch: true"))
    with pytest.raises(ValueError, match=r"base\.yaml:\d+: logits\.batch: "):
        config.load(base)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("4E3", 4000.0), ("-1.5e2", -150.0), (".5e1", 5.0), ("1.0e-3", 0.001),
        ("e3", "e3"), ("1e", "1e"), ("'1e-3'", "1e-3"), ("3", 3), ("0.5", 0.5),
    ],
)  # fmt: skip
def test_exponents_are_numbers(text: str, value: Any) -> None:
    found = parse(text, "text")[0]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["results: 2020-13-45", "a: !!int abc", "[" * 3000])
def test_what_yaml_cannot_construct_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml(:1)?: (not YAML|nested too deeply)"):
        config.load(tmp_path / "mine.yaml")
