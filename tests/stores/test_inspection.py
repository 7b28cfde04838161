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
    assert len(text.splitlines()) <= 55
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
    with pytest.raises(ValueError, match="holds logits of format 3, expected a store of format 6"):
        describe(tmp_path)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "not a whole JSON file"),
        ("[]", "is no store's manifest"),
        ("7", "is no store's manifest"),
        ("null", "is no store's manifest"),
        ("{}", "holds None of format None, expected a store of format 6"),
        ('{"kind": "logits", "format": 6}', "is not as it was sealed"),
        ('{"kind": [], "format": 6, "layout": 3, "runtime": null}', "is not as it was sealed"),
        ('{"kind": "logits", "format": 6, "num_rows": NaN}', "not a whole JSON file"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
)
def test_a_foreign_manifest_is_named(tmp_path: Path, content: str, line: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=rf"manifest\.json: {line}") as caught:
        describe(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    samples = tiny.sample_folder(tmp_path)
    path = samples / "manifest.json"
    for old, new in (('"layout"', '"lay_out"'), ('"num_rows": 10', '"num_rows": "10"')):
        path.write_text((samples / "sealed.json").read_text().replace(old, new))
        with pytest.raises(ValueError, match=r"manifest\.json: is not as it was sealed"):
            describe(samples)
