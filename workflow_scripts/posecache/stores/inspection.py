"""What a store holds, in a screenful."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posecache.stores.layout import Layout
from posecache.stores.manifest import (
    BY_SHARD,
    OWN,
    manifest_path,
    read_manifest,
    recorded_files,
)


def describe(folder: Path) -> str:
    """A sealed store in a screenful; ValueError if there is none."""
    manifest = read_manifest(folder)
    try:
        return _described(folder, manifest)
    except (KeyError, TypeError, AttributeError) as error:
        path = manifest_path(folder)
        raise ValueError(f"{path}: not a manifest of posecache ({error!r})") from None


def _described(folder: Path, manifest: Mapping[str, Any]) -> str:
    layout = Layout.parse(manifest["layout"])
    stored = sum(facts["bytes"] for _, facts in recorded_files(manifest))
    lines = [f"{folder}: {layout.kind}, {layout.num_rows} rows in {layout.shards} shards"]
    lines += [
        f"  {name:12} {column.dtype:8} {(layout.num_rows, *column.shape)}"
        f"{'' if column.shuffle is None else ', Zstandard'}"
        for name, column in layout.columns.items()
    ]
    raw = layout.num_rows * layout.row_bytes
    share = f", {stored / raw:.0%} of the arrays' {_size(raw)}" if not layout.ragged else ""
    lines.append(f"on disk {_size(stored)}{share}")
    made = {"posecache": manifest["posecache"], **manifest["runtime"]}
    del made[BY_SHARD]
    told = manifest["identity"]
    about = {
        k: v
        for k, v in manifest.items()
        if k not in (*OWN, "image_paths", "image_bytes") and (k not in told or told[k] != v)
    }
    for title, record in (
        ("about", about), ("made from", told), ("made by", made),
    ):  # fmt: skip
        lines += [f"{title}:", *(f"  {key}: {_short(value)}" for key, value in record.items())]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 70 else f"{text[:67]}..."


def _size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"
