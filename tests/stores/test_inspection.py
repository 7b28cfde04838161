from pathlib import Path

import pytest

import posecache
import tiny
from posecache import logits
from posecache.stores.inspection import describe


def test_a_screenful_says_what_it_is(tmp_path: Path) -> None:
    model, samples = tiny.model_folder(tmp_path / "model"), tiny.sample_folder(tmp_path)
    logits.cache(model, samples, tmp_path / "logits", logits.Caching(chunk_rows=2, shard_rows=4))
    text = describe(tmp_path / "logits")
    assert len(text.splitlines()) <= 50
    for words in (
        "logits, 10 rows in 3 shards",
        "simcc_x      float16  (10, 1, 17, 32)",
        f"posecache: {posecache.__version__}",
        "provider: CPUExecutionProvider",
        "flip: True",
        "samples_per_s",
    ):
        assert words in text
    assert "crop_jpeg" not in describe(samples)
    with pytest.raises(ValueError, match="not sealed"):
        describe(model)


def test_a_store_of_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"kind": "logits", "format": 3, "rows": 4}')
    with pytest.raises(ValueError, match="holds logits of format 3, expected a store of format 5"):
        describe(tmp_path)
