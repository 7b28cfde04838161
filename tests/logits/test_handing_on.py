from pathlib import Path

import numpy as np
import pytest
import yaml

import tiny
from posecache import logits, skeletons
from posecache.logits import facts
from posecache.logits.live import divergence
from posecache.logits.packing import pack, unpack
from posecache.logits.settings import ENCODINGS
from posecache.stores.manifest import verify


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    model, samples = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    logits.cache(model, samples, tmp_path / "logits", logits.Caching(chunk_rows=2, shard_rows=4))
    return tmp_path / "logits"


@pytest.mark.parametrize("encoding", ["compact", "int8", "float32"])
def test_a_packed_store_may_have_another_encoding(
    cached: Path, tmp_path: Path, encoding: str
) -> None:
    pack(cached, tmp_path / "file", encoding)
    unpack(tmp_path / "file", tmp_path / "again")
    before, after = logits.open(cached), logits.open(tmp_path / "again")
    assert verify(tmp_path / "again") == []
    assert after.encoding is ENCODINGS[encoding]
    logits_before, logits_after = (store.read(slice(0, 10)) for store in (before, after))
    np.testing.assert_array_equal(logits_before[2], logits_after[2])
    for one, other in zip(logits_before[:2], logits_after[:2], strict=True):
        assert np.array_equal(one.argmax(-1), other.argmax(-1))
        assert divergence(one, other).mean() < 0.02
    assert after.people.digest == before.people.digest == after.identity["samples"]
    changed = {k for k in after.identity if after.identity[k] != before.identity.get(k)}
    assert changed - {"levels"} == {"encoding", "recoded_from"}
    origin = {"encoding": "float16", "fingerprint": before.fingerprint}
    assert after.identity["recoded_from"] == [origin]
    assert not list(tmp_path.glob(".*"))


def test_what_it_was_recoded_from_is_kept_through_several_encodings(
    cached: Path, tmp_path: Path
) -> None:
    for source, name, encoding in ((cached, "a", "int8"), (tmp_path / "a", "b", "compact")):
        pack(source, tmp_path / "file", encoding)
        unpack(tmp_path / "file", tmp_path / name)
    origins = logits.open(tmp_path / "b").identity["recoded_from"]
    assert [origin["encoding"] for origin in origins] == ["float16", "int8"]


def test_a_damaged_store_is_not_recoded(cached: Path, tmp_path: Path) -> None:
    shard = cached / logits.open(cached).layout.file("simcc_x", 1)
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match=r"chunk 0: checksum mismatch"):
        pack(cached, tmp_path / "file", "compact")
    assert not (tmp_path / "file").exists()
    assert not list(tmp_path.glob(".*"))


def test_its_own_encoding_is_no_change(cached: Path, tmp_path: Path) -> None:
    for name, encoding in (("file", "float16"), ("other", None)):
        pack(cached, tmp_path / name, encoding)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "other").read_bytes()


def test_an_unknown_encoding_and_another_kind_of_store_are_refused(
    cached: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="unknown encoding 'zip', expected one of float16"):
        pack(cached, tmp_path / "file", "zip")
    with pytest.raises(ValueError, match="holds samples of format 6, expected logits"):
        pack(tmp_path / "samples", tmp_path / "file")


def test_a_skeleton_of_ones_own_may_lie_elsewhere(tmp_path: Path) -> None:
    """The file's name goes into the manifest; the keypoints are the store's identity."""
    skeleton = {"keypoints": ["a", "b"], "sigmas": [0.1, 0.1], "links": []}
    for name, keypoints in (("there", "ab"), ("here", "ab"), ("other", "ba")):
        text = yaml.safe_dump(skeleton | {"keypoints": list(keypoints)})
        (tmp_path / f"{name}.yaml").write_text(text)
    model = tiny.model_folder(tmp_path / "model", str(tmp_path / "there.yaml"))
    logits.cache(model, tiny.sample_folder(tmp_path), tmp_path / "logits")
    pack(tmp_path / "logits", tmp_path / "file")
    (tmp_path / "there.yaml").unlink()
    skeletons.load.cache_clear()
    with pytest.raises(ValueError, match="file: made with other keypoints than the skeleton"):
        unpack(tmp_path / "file", tmp_path / "again", str(tmp_path / "other.yaml"))
    unpack(tmp_path / "file", tmp_path / "again", str(tmp_path / "here.yaml"))
    before, after = logits.open(tmp_path / "logits"), logits.open(tmp_path / "again")
    assert facts.read(after.folder).skeleton == str(tmp_path / "here.yaml")
    assert after.fingerprint == before.fingerprint
    with pytest.raises(
        ValueError, match=r"there\.yaml: no such file; `posecache unpack --skeleton`"
    ):
        facts.read(before.folder)
