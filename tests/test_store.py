import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from posecache import files
from posecache.ledger import seal
from posecache.store import ARRAYS, LEDGER, MANIFEST, SEALED, Column, Layout, Store, verify
from posecache.store_writer import Writer

IDENTITY = {"model": "a"}


def layout(rows: int = 10) -> Layout:
    columns = {"value": Column(shape=(3,)), "number": Column(dtype="int64")}
    return Layout(
        kind="test", rows=rows, columns=columns, ragged=("text",), chunk_rows=2, shard_rows=4
    )


def content(plan: Layout, shard: int) -> tuple[dict[str, np.ndarray], dict[str, list[bytes]]]:
    start, stop = plan.span(shard)
    number = np.arange(start, stop)
    value = np.random.default_rng(shard).normal(size=(stop - start, 3)).astype(np.float32)
    return {"value": value, "number": number}, {"text": [b"x" * (int(n) + 1) for n in number]}


def fill(folder: Path, plan: Layout | None = None, delay: float = 0.0) -> list[int]:
    """Write and seal a store; the shards that were missing."""
    plan = plan or layout()
    writer = Writer(folder, plan, IDENTITY, {"note": "done"})
    missing = list(writer.missing)
    for shard in missing:
        writer.write(shard, *content(plan, shard))
        time.sleep(delay)
    writer.seal()
    return missing


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file but the manifest's timings; its copy is equal to it."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert (folder / SEALED).read_bytes() == (folder / MANIFEST).read_bytes()
    paths.remove(folder / SEALED)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    manifest = json.loads(found.pop(MANIFEST))
    record = {k: v for k, v in manifest.items() if k not in ("runtime", "digest")}
    return found | {MANIFEST: json.dumps(record).encode()}


@settings(deadline=None, max_examples=10)
@given(rows=st.integers(1, 13))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: int) -> None:
    folder = tmp_path_factory.mktemp("store")
    fill(folder, layout(rows))
    store = Store(folder, "test")
    assert store.n == rows
    np.testing.assert_array_equal(store.rows("number", 0, rows), np.arange(rows))
    texts = store.ragged("text", 0, rows)
    assert [bytes(text) for text in texts] == [b"x" * (n + 1) for n in range(rows)]
    assert bytes(store.ragged("text", rows - 1, rows)[0]) == b"x" * rows


def test_another_zarr_reader_needs_nothing_of_ours(tmp_path: Path) -> None:
    fill(tmp_path)
    array = zarr.open_array(tmp_path / ARRAYS / "number", mode="r")
    np.testing.assert_array_equal(array[:], np.arange(10))


def test_an_unsealed_store_is_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path, layout(), IDENTITY)
    writer.write(0, *content(layout(), 0))
    with pytest.raises(ValueError, match="not sealed"):
        Store(tmp_path, "test")


def test_a_store_of_another_kind_or_format_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(ValueError, match="holds test of format 3, expected logits of format 3"):
        Store(tmp_path, "logits")
    manifest = files.read_json(tmp_path / MANIFEST) | {"format": 99}
    files.write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(ValueError, match="holds test of format 99"):
        Store(tmp_path, "test")


def test_a_missing_or_short_shard_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path)
    shard = tmp_path / ARRAYS / "value" / "c" / "1" / "0"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(ValueError, match="the store is damaged"):
        Store(tmp_path, "test")
    shard.unlink()
    with pytest.raises(ValueError, match="no file, but"):
        Store(tmp_path, "test")


def test_a_flipped_byte_is_found_when_it_is_read(tmp_path: Path) -> None:
    fill(tmp_path)
    shard = tmp_path / ARRAYS / "value" / "c" / "0" / "0"
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        Store(tmp_path, "test").rows("value", 0, 4)


def test_finished_shards_stand_and_damaged_ones_are_written_again(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    fill(whole)
    folder = tmp_path / "store"
    writer = Writer(folder, layout(), IDENTITY)
    for shard in (0, 2):
        writer.write(shard, *content(layout(), shard))
    assert Writer(folder, layout(), IDENTITY).missing == [1]
    (folder / ARRAYS / "number" / "c" / "2").write_bytes(b"torn")
    assert fill(folder) == [1, 2]
    assert Store(folder, "test").fingerprint == Store(whole, "test").fingerprint


def test_another_identity_begins_anew_with_the_first_shard_that_is_written(tmp_path: Path) -> None:
    fill(tmp_path)
    writer = Writer(tmp_path, layout(), {"model": "b"})
    assert writer.missing == [0, 1, 2]
    assert verify(tmp_path) == []
    writer.write(0, *content(layout(), 0))
    with pytest.raises(ValueError, match="not sealed"):
        Store(tmp_path, "test")
    assert Writer(tmp_path, layout(), {"model": "b"}).missing == [1, 2]


def test_a_store_whose_manifest_was_removed_loses_no_shard(tmp_path: Path) -> None:
    """Snakemake removes a rule's output before it runs it again."""
    fill(tmp_path)
    before = bytes_of(tmp_path)
    for again in (lambda: seal(tmp_path), lambda: fill(tmp_path)):
        (tmp_path / MANIFEST).unlink()
        again()
        assert bytes_of(tmp_path) == before
    (tmp_path / MANIFEST).unlink()
    (tmp_path / ARRAYS / "number" / "c" / "1").write_bytes(b"torn")
    assert fill(tmp_path) == [1]
    assert bytes_of(tmp_path) == before


def test_a_writer_that_was_overtaken_writes_nothing(tmp_path: Path) -> None:
    plan = layout()
    late, other = Writer(tmp_path, plan, IDENTITY), Writer(tmp_path, plan, {"model": "b"})
    other.claim(1)
    with pytest.raises(ValueError, match=r"lock-.*-00001: another job is writing"):
        late.write(0, *content(plan, 0))
    other.write(1, *content(plan, 1))
    with pytest.raises(ValueError, match="another job has begun another store here"):
        late.write(0, *content(plan, 0))
    twin = Writer(tmp_path, plan, {"model": "b"})
    other.write(0, *content(plan, 0))
    for shard in (0, 2):
        if shard == 2:
            other.write(2, *content(plan, 2))
            other.seal()
        with pytest.raises(ValueError, match=rf"another job has written shard {shard}"):
            twin.write(shard, *content(plan, shard))
    assert verify(tmp_path) == []


def test_several_jobs_give_the_store_of_one(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    plan = layout()
    for own in ([2], [0, 1]):
        writer = Writer(tmp_path / "two", plan, IDENTITY, {"note": "done"}, own)
        assert writer.missing == own
        with pytest.raises(ValueError, match=r"not written yet|nothing was written"):
            seal(tmp_path / "two")
        for shard in own:
            writer.write(shard, *content(plan, shard))
    seal(tmp_path / "two")
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")


def test_two_writers_of_one_shard_the_second_refuses(tmp_path: Path) -> None:
    plan = layout()
    first = Writer(tmp_path, plan, IDENTITY)
    second = Writer(tmp_path, plan, IDENTITY)
    second.claim(1)
    with pytest.raises(ValueError, match=r"lock-.*-00001: another job is writing this shard"):
        first.claim(1)
    with pytest.raises(ValueError, match=r"lock-.*-00001: another job is writing this shard"):
        first.write(1, *content(plan, 1))
    first.write(0, *content(plan, 0))
    second.close()
    first.write(1, *content(plan, 1))
    assert first.missing == [2]


def test_sealing_finds_a_shard_that_was_damaged_meanwhile(tmp_path: Path) -> None:
    plan = layout()
    writer = Writer(tmp_path, plan, IDENTITY)
    for shard in range(3):
        writer.write(shard, *content(plan, shard))
    (tmp_path / ARRAYS / "number" / "c" / "1").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"shards \[1\] are not written yet"):
        writer.seal()
    assert Writer(tmp_path, plan, IDENTITY).missing == [1]


def test_a_sealed_store_that_is_taken_up_again_loses_no_shard(tmp_path: Path) -> None:
    fill(tmp_path)
    before = bytes_of(tmp_path)
    assert Writer(tmp_path, layout(), IDENTITY, {"note": "done"}).missing == []
    assert verify(tmp_path) == []
    assert fill(tmp_path) == []
    assert bytes_of(tmp_path) == before


def test_a_full_disk_loses_no_finished_shard(tmp_path: Path) -> None:
    """The file size limit stands for the disk's end: writing fails in the middle of a shard."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import resource\nfrom pathlib import Path\nfrom test_store import *\n"
        f"folder = Path({str(tmp_path)!r})\nwriter = Writer(folder, layout(400), IDENTITY)\n"
        "for shard in range(3): writer.write(shard, *content(layout(400), shard))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))\n"
        "writer.write(3, *content(layout(400), 3))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert Writer(tmp_path, layout(400), IDENTITY).missing == list(range(3, 100))


def killed(folder: Path, plan: Layout, sign: Path, after: float) -> bool:
    """Kill a writer some seconds after `sign` is there; whether it was still at work."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\nfrom test_store import fill, layout\n"
        f"fill(Path({str(folder)!r}), layout({plan.rows}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while not sign.exists() and process.poll() is None:
        time.sleep(0.001)
    time.sleep(after)
    at_work = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return at_work


def test_killed_at_any_moment_the_finished_shards_stand(tmp_path: Path) -> None:
    """Real processes, 20 times, at moments all over the writing, its beginning in every fourth."""
    plan = layout(120)
    fill(tmp_path / "whole", plan)
    whole, rng, at_work = bytes_of(tmp_path / "whole"), np.random.default_rng(0), 0
    for round_ in range(20):
        folder = tmp_path / f"killed{round_}"
        if round_ % 4:
            at_work += killed(folder, plan, folder / LEDGER / "00000.json", rng.uniform(0, 0.6))
        else:
            at_work += killed(folder, plan, folder / ARRAYS, rng.uniform(0, 0.02))
        entered = {int(p.stem) for p in (folder / LEDGER).glob("0*.json")}
        if (folder / SEALED).exists():  # it was quicker
            entered = set(range(plan.shards))
        missing = fill(folder, plan)
        assert set(missing) == set(range(plan.shards)) - entered
        assert bytes_of(folder) == whole
        assert verify(folder) == []
    assert at_work >= 10


def test_killed_while_it_seals_again_a_store_loses_nothing(tmp_path: Path) -> None:
    plan, rng = layout(120), np.random.default_rng(1)
    fill(tmp_path, plan)
    whole = bytes_of(tmp_path)
    for _ in range(5):
        (tmp_path / MANIFEST).unlink()
        killed(tmp_path, plan, tmp_path / LEDGER, rng.uniform(0, 0.1))
        assert fill(tmp_path, plan) == []
        assert bytes_of(tmp_path) == whole


def test_verify_finds_every_flipped_byte(tmp_path: Path) -> None:
    fill(tmp_path)
    assert verify(tmp_path) == []
    rng = np.random.default_rng(0)
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file()):
        data = bytearray(path.read_bytes())
        for place in {0, len(data) - 1, *rng.integers(0, len(data), 5).tolist()}:
            changed = data.copy()
            changed[place] ^= int(rng.integers(1, 256))
            path.write_bytes(changed)
            problems = verify(tmp_path)
            assert len(problems) >= 1
            assert str(path) in problems[0]
        path.write_bytes(data)
    assert verify(tmp_path) == []


def test_verify_finds_what_is_missing_short_or_foreign(tmp_path: Path) -> None:
    fill(tmp_path)
    shard = tmp_path / ARRAYS / "value" / "c" / "1" / "0"
    data = shard.read_bytes()
    shard.unlink()
    assert verify(tmp_path) == [f"{shard}: no file, but {MANIFEST} says {len(data)} bytes"]
    shard.write_bytes(data[:-1])
    assert verify(tmp_path) == [f"{shard}: {len(data) - 1}, but {MANIFEST} says {len(data)} bytes"]
    shard.write_bytes(data)
    (tmp_path / "notes.txt").write_text("mine")
    assert verify(tmp_path) == [f"{tmp_path}/notes.txt: not part of the store"]
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(ValueError, match="not sealed"):
        verify(tmp_path)


def test_file_count_is_bounded_by_shards(tmp_path: Path) -> None:
    fill(tmp_path)
    shards, arrays = 3, 3 + 1
    assert len(bytes_of(tmp_path)) <= shards * (arrays + 1) + arrays + 4


def test_rows_must_fill_whole_chunks() -> None:
    with pytest.raises(ValueError, match="shard rows 5: expected a multiple of chunk rows 2"):
        Layout(kind="x", rows=1, columns={}, chunk_rows=2, shard_rows=5)
