import subprocess
from pathlib import Path

import numpy as np
import pytest
from tiny_store import IDENTITY, bytes_of, content, fill, in_a_process, killed, layout

from posecache.stores.layout import ARRAYS
from posecache.stores.manifest import LEDGER, SEALED, verify
from posecache.stores.store import Store
from posecache.stores.writer import Writer


def test_another_identity_begins_a_new_store_with_its_first_shard(tmp_path: Path) -> None:
    fill(tmp_path)
    writer = Writer(tmp_path, layout(), {"model": "b"})
    assert writer.missing == [0, 1, 2]
    assert verify(tmp_path) == []
    writer.write(0, *content(layout(), 0))
    with pytest.raises(ValueError, match="not sealed"):
        Store(tmp_path, "test")
    assert Writer(tmp_path, layout(), {"model": "b"}).missing == [1, 2]


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


def test_a_full_disk_loses_no_finished_shard(tmp_path: Path) -> None:
    """A limit of the file size acts as a full disk: writing fails in the middle of a shard."""
    code = (
        "import resource\nfrom pathlib import Path\n"
        "from posecache.stores.writer import Writer\n"
        "from tiny_store import IDENTITY, content, layout\n"
        f"folder = Path({str(tmp_path)!r})\nwriter = Writer(folder, layout(400), IDENTITY)\n"
        "for shard in range(3): writer.write(shard, *content(layout(400), shard))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))\n"
        "writer.write(3, *content(layout(400), 3))\n"
    )
    done = subprocess.run(in_a_process(code), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"File too large: '{tmp_path}'" in done.stderr
    assert Writer(tmp_path, layout(400), IDENTITY).missing == list(range(3, 100))


def test_killed_at_any_moment_the_finished_shards_stand(tmp_path: Path) -> None:
    """Kills ten real processes at moments all over the writing, some at its beginning."""
    plan = layout(120)
    fill(tmp_path / "whole", plan)
    whole, rng, at_work = bytes_of(tmp_path / "whole"), np.random.default_rng(0), 0
    for round_ in range(10):
        folder = tmp_path / f"killed{round_}"
        if round_ % 4:
            at_work += killed(folder, plan, folder / LEDGER / "00000.json", rng.uniform(0, 0.6))
        else:
            at_work += killed(folder, plan, folder / ARRAYS, rng.uniform(0, 0.02))
        entered = {int(p.stem) for p in (folder / LEDGER).glob("0*.json")}
        if (folder / SEALED).exists():  # it finished before it was killed
            entered = set(range(plan.shards))
        missing = fill(folder, plan)
        assert set(missing) == set(range(plan.shards)) - entered
        assert bytes_of(folder) == whole
        assert verify(folder) == []
    assert at_work
