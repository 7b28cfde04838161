"""A record tells whether an output is what is asked for, whatever the times of files say."""

import json
import os
import re
from pathlib import Path

import pytest

import posecache
from posecache import files, records


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with an output that was made from two inputs."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with records.recorded([str(tmp_path / "out.json"), "key", *inputs(tmp_path)]):
        (tmp_path / "out.json").write_text("made")
    return tmp_path


def inputs(folder: Path) -> list[str]:
    return [str(folder / "a"), str(folder / "b")]


def is_current(folder: Path, key: str = "key") -> bool:
    return records.is_current(folder / "out.json", key, list(map(Path, inputs(folder))))


def test_what_was_just_made_is_current(made: Path) -> None:
    assert is_current(made)
    assert records.path_of(made / "out.json") == made / "out.made_from.json"


def test_it_tells_by_which_code_it_was_made(made: Path) -> None:
    record = files.read_json(records.path_of(made / "out.json"))
    assert record["posecache"] == posecache.__version__
    assert record["code"] == records.code()
    assert re.fullmatch("[0-9a-f]{12}", records.code())


def test_another_key_or_no_record_is_not_current(made: Path) -> None:
    assert not is_current(made, "other")
    records.path_of(made / "out.json").unlink()
    assert not is_current(made)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"key": "key", "inputs": []}', "\x00"])
def test_a_record_that_cannot_be_read_tells_nothing(made: Path, text: str) -> None:
    records.path_of(made / "out.json").write_text(text)
    assert not is_current(made)
    assert records.digest(made / "a", made / "out.json") == files.sha256(made / "a")


@pytest.mark.parametrize("name", ["a", "b", "out.json"])
def test_times_do_not_count_but_content_does(made: Path, name: str) -> None:
    for moment in (0, 2**32):
        os.utime(made / name, (moment, moment))
        assert is_current(made)
    content = (made / name).read_text()
    (made / name).write_text(content.swapcase())
    os.utime(made / name, (0, 0))
    assert not is_current(made)


def test_an_input_that_was_removed_is_let_be(made: Path) -> None:
    (made / "b").unlink()
    assert is_current(made)


def test_an_input_that_changes_meanwhile_does_not_count_as_used(made: Path) -> None:
    with records.recorded([str(made / "out.json"), "key", *inputs(made)]):
        (made / "a").write_text("newer")
    assert not is_current(made)


def test_what_fails_leaves_the_record_as_it_was(made: Path) -> None:
    before = records.path_of(made / "out.json").read_bytes()
    with (
        pytest.raises(ValueError, match="refused"),
        records.recorded([str(made / "out.json"), "new", *inputs(made)]),
    ):
        raise ValueError("refused")
    assert records.path_of(made / "out.json").read_bytes() == before


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"gone: no such file"),
        records.recorded([str(tmp_path / "out.json"), "key", str(tmp_path / "gone")]),
    ):
        pass


def test_without_a_record_nothing_is_written(tmp_path: Path) -> None:
    with records.recorded(None):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_looks_the_same_and_is_not_is_noticed(made: Path) -> None:
    """As long, and given the time that it had: its change of status has a time of its own."""
    stat = (made / "a").stat()
    (made / "a").write_text("x")
    os.utime(made / "a", ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    assert records.digest(made / "a", made / "out.json") == files.sha256(made / "a")
    assert not is_current(made)


def test_a_known_digest_is_taken_from_the_record(made: Path) -> None:
    path = records.path_of(made / "out.json")
    record = json.loads(path.read_text())
    record["inputs"][0]["content"] = "known"
    path.write_text(json.dumps(record))
    assert records.digest(made / "a", made / "out.json") == "known"
    assert records.digest(made / "a", made / "nothing.json") == files.sha256(made / "a")
    assert records.digest(made / "gone", made / "out.json") is None


def test_a_store_is_its_content_and_not_the_time_that_it_took(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    found = set()
    for seconds, shard in ((1, "a"), (2, "a"), (2, "b")):
        path.write_text(json.dumps({"shards": [shard], "runtime": seconds, "identity": {}}))
        found.add(records.content(path))
    assert len(found) == 2
    path.write_text("[1]")
    assert records.content(path) == files.sha256(path)
