from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import tiny
from posecache import files, logits
from posecache.logits.encodings import INT8
from posecache.logits.live import divergence
from posecache.logits.settings import ENCODINGS

CODED = ["int8", "compact"]


def peaks(seed: int, bins: int = 256) -> np.ndarray:
    """Logits (4, 1, 3, bins) as SimCC networks give them: a bump over an uneven floor."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, bins, (4, 1, 3, 1))
    bump = np.exp(-((np.arange(bins) - place) ** 2) / (2 * 5.0**2))
    floor = np.cumsum(rng.normal(0, 0.05, (4, 1, 3, bins)), axis=-1)
    return (bump + 0.3 * floor - floor.max(-1, keepdims=True) * 0.3).astype(np.float32)


@pytest.mark.parametrize("name", list(ENCODINGS))
def test_the_arg_max_stays_and_the_divergence_is_small(name: str) -> None:
    encoding, values = ENCODINGS[name], peaks(1)
    kept = encoding.encode("simcc_x", values)
    for column, array in kept.items():
        assert encoding.columns("simcc_x", values.shape[1:])[column].dtype == str(array.dtype)
    back = encoding.decode("simcc_x", kept).astype(np.float32)
    found = divergence(values, back)
    assert found.max() < 5e-3
    assert found.mean() < (2e-3 if name == "compact" else 5e-4)
    assert np.array_equal(back.argmax(-1), values.argmax(-1))
    if name in CODED:
        np.testing.assert_allclose(back.max(-1), values.max(-1), rtol=1e-3)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e3), name=st.sampled_from([*ENCODINGS]))
def test_the_arg_max_never_moves(seed: int, scale: float, name: str) -> None:
    values = (np.random.default_rng(seed).normal(size=(2, 1, 2, 40)) * scale).astype(np.float32)
    encoding = ENCODINGS[name]
    back = encoding.decode("x", encoding.encode("x", values))
    assert np.array_equal(back.argmax(-1), values.argmax(-1))


def test_codes_by_hand() -> None:
    values = np.array([[1.0, 1.0 - 3 / 128, 1.0 - 0.4 / 128, -5.0]], np.float32)
    kept = ENCODINGS["int8"].encode("x", values)
    assert kept["x"].tolist() == [[0, 4, 1, 255]]  # only the peak itself has level 0
    assert kept["x_peak"].tolist() == [1.0]
    levels = ENCODINGS["compact"].levels
    assert levels[:3] == pytest.approx((0, 1 / 1024, 1 / 110))
    assert levels[3] - levels[2] == pytest.approx(np.exp(3.8 / 110) / 110)
    assert levels[-1] - levels[-2] == pytest.approx(0.3)
    for name in CODED:
        assert len(ENCODINGS[name].levels) <= 256
        assert np.all(np.diff(ENCODINGS[name].levels) > 0)


def test_a_bin_almost_as_high_as_the_peak_stays_below_it() -> None:
    values = np.array([[3.9990, 3.9995, 3.9994, 0.0]], np.float32)
    for name in ENCODINGS:
        back = ENCODINGS[name].decode("x", ENCODINGS[name].encode("x", values))
        assert back.argmax(-1).tolist() == [1]
        assert back[0, 0] < back[0, 1]


def test_an_unknown_encoding_is_refused() -> None:
    message = "unknown encoding 'int4', expected one of float16, float32, int8, compact, or module"
    with pytest.raises(ValidationError, match=message):
        logits.Caching(encoding="int4")


def test_an_encoding_of_ones_own_is_kept_by_its_place(tmp_path: Path) -> None:
    model, folder = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    for encoding in ("int8", "posecache.logits.encodings:INT8"):
        logits.cache(model, folder, tmp_path / encoding, logits.Caching(encoding=encoding))
    one, other = (logits.open(tmp_path / n) for n in ("int8", "posecache.logits.encodings:INT8"))
    assert other.encoding is one.encoding is INT8
    for a, b in zip(one.read(slice(0, 10)), other.read(slice(0, 10)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CODED)
def test_a_coded_store_is_read_as_logits_by_us_and_by_hand(tmp_path: Path, name: str) -> None:
    model, folder = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    stores = {}
    for encoding in ("float32", name):
        how = logits.Caching(encoding=encoding, chunk_rows=2, shard_rows=4)
        logits.cache(model, folder, tmp_path / encoding, how)
        stores[encoding] = logits.open(tmp_path / encoding)
    exact, coded = (stores[n].read(slice(1, 9)) for n in ("float32", name))
    assert np.array_equal(coded[0].argmax(-1), exact[0].argmax(-1))
    np.testing.assert_array_equal(coded[2], exact[2])
    group = zarr.open_group(tmp_path / name / "arrays.zarr", mode="r")
    levels = np.array(files.read_json(tmp_path / name / "manifest.json")["identity"]["levels"])
    by_hand = np.asarray(group["simcc_x_peak"])[..., None] - levels[np.asarray(group["simcc_x"])]
    np.testing.assert_allclose(by_hand[1:9], coded[0], atol=4e-3)
