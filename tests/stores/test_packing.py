import hashlib
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_store import bytes_of, fill, in_a_process, layout

from posecache import files
from posecache.stores.layout import ARRAYS
from posecache.stores.manifest import MANIFEST, verify
from posecache.stores.packing import pack, read_packed, unpack


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    fill(tmp_path / "store")
    pack(tmp_path / "store", tmp_path / "file")
    return tmp_path / "file"


def test_what_is_unpacked_is_the_store(packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "elsewhere" / "again", "test")
    assert bytes_of(tmp_path / "elsewhere" / "again") == bytes_of(tmp_path / "store")
    assert verify(tmp_path / "elsewhere" / "again") == []
    assert read_packed(packed) == files.read_json(tmp_path / "store" / MANIFEST)


def test_a_store_has_one_packed_form_and_tar_reads_it(packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "again")
    (tmp_path / "again" / "manifest.made_from.json").write_text("not part of it")
    pack(tmp_path / "again", tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == packed.read_bytes()
    with tarfile.open(packed) as tar:
        assert tar.getnames()[0] == MANIFEST
        tar.extractall(tmp_path / "tar", filter="data")
    (tmp_path / "tar" / "sealed.json").write_bytes((tmp_path / "tar" / MANIFEST).read_bytes())
    assert verify(tmp_path / "tar") == []


def test_every_flipped_byte_is_found_and_nothing_is_left(packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    places = np.random.default_rng(0).integers(0, len(content), 60).tolist()
    for place in {0, 200, 511, len(content) - 1, *places}:
        data = bytearray(content)
        data[place] ^= 4
        packed.write_bytes(data)
        with pytest.raises(ValueError, match=rf"^{packed}: "):
            unpack(packed, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "store"]


@pytest.mark.parametrize("cut", [0, 100, 600, -20000, -1])
def test_a_file_that_is_cut_short_is_refused(packed: Path, tmp_path: Path, cut: int) -> None:
    packed.write_bytes(packed.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r": (damaged|is no packed store)"):
        unpack(packed, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_what_follows_the_end_is_refused(packed: Path, tmp_path: Path) -> None:
    packed.write_bytes(packed.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="does not end as it should"):
        unpack(packed, tmp_path / "again")


def test_a_damaged_store_is_not_packed(packed: Path, tmp_path: Path) -> None:
    before = packed.read_bytes()
    shard = tmp_path / "store" / ARRAYS / "value" / "c" / "1" / "0"
    data = shard.read_bytes()
    for wrong in (data[:-1] + b"x", data[:-1], data + b"x", None):
        shard.unlink() if wrong is None else shard.write_bytes(wrong)
        with pytest.raises(ValueError, match=rf"^{shard}: "):
            pack(tmp_path / "store", packed)
    assert packed.read_bytes() == before
    (tmp_path / "store" / MANIFEST).unlink()
    with pytest.raises(ValueError, match="not sealed"):
        pack(tmp_path / "store", packed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "store"]


def test_another_kind_and_a_folder_that_exists_are_refused(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds test of format 6, expected logits of format 6"):
        unpack(packed, tmp_path / "again", "logits")
    with pytest.raises(ValueError, match="expected logits"):
        pack(tmp_path / "store", packed, "logits")
    with pytest.raises(ValueError, match=r"store: exists already"):
        unpack(packed, tmp_path / "store")
    with pytest.raises(ValueError, match=r"absent: no such file"):
        unpack(tmp_path / "absent", tmp_path / "again")


def test_a_name_outside_of_the_store_is_refused(packed: Path, tmp_path: Path) -> None:
    """A manifest that somebody has signed anew, of a file that is as it says."""
    manifest = files.read_json(tmp_path / "store" / MANIFEST)
    del manifest["digest"]
    facts = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    manifest["metadata"] = {"../evil": facts}
    (tmp_path / "evil").write_bytes(b"x")
    record = {**manifest, "digest": files.fingerprint(manifest)}
    (tmp_path / "store" / MANIFEST).write_text(files.as_json(record))
    pack(tmp_path / "store", packed)
    (tmp_path / "evil").unlink()
    with pytest.raises(ValueError, match=r"names \.\./evil, which lies outside"):
        unpack(packed, tmp_path / "again")
    assert not (tmp_path / "evil").exists()


def test_what_the_manifest_says_may_be_replaced(packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "again", about={"note": "elsewhere"})
    found, before = (files.read_json(tmp_path / n / MANIFEST) for n in ("again", "store"))
    assert verify(tmp_path / "again") == []
    assert {k for k in found if found[k] != before[k]} == {"note", "digest"}


@pytest.mark.parametrize("what", ["pack", "unpack"])
def test_killed_at_any_moment_there_is_all_or_nothing(tmp_path: Path, what: str) -> None:
    fill(tmp_path / "store", layout(120))
    pack(tmp_path / "store", tmp_path / "file")
    whole, target = (tmp_path / "file").read_bytes(), tmp_path / "made"
    names = ("store", "made") if what == "pack" else ("file", "made")

    def is_whole() -> bool:
        return target.read_bytes() == whole if what == "pack" else verify(target) == []

    code = (
        "from pathlib import Path\nfrom posecache.stores import packing\n"
        f"print(flush=True)\npacking.{what}(*(Path({str(tmp_path)!r}, n) for n in {names}))"
    )
    at_work, rng = 0, np.random.default_rng(0)
    while at_work < 3:  # those that have ended before are no kills
        process = subprocess.Popen(in_a_process(code), stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.02))
        at_work += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if target.exists():
            assert is_whole()
            target.unlink() if what == "pack" else shutil.rmtree(target)
    pack(tmp_path / "store", target) if what == "pack" else unpack(tmp_path / "file", target)
    assert is_whole()
    litter = {path.name for path in tmp_path.iterdir()} - {"store", "file", "made"}
    assert all(name.endswith(".partial") for name in litter)
