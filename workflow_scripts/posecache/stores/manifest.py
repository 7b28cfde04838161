"""A store's manifest: what it says of the files, and whether they are still as it says."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from posecache import files, records
from posecache.records import MANIFEST

FORMAT = 6
SEALED = "sealed.json"  # the manifest's copy
LEDGER = "ledger"
PLAN = "plan.json"  # in the ledger: layout, identity, and what else the manifest will hold
LOCK = ".lock"  # and .lock-..., one per shard
DIGEST = "digest"  # the manifest's key for the digest of all other keys
BY_SHARD = "by_shard"  # the key of `runtime` for each shard's own
# The keys that every manifest has; the others say what the rows are about.
OWN = (
    "format", "kind", "num_rows", "posecache", "runtime", "identity", "layout", "metadata",
    "shards", DIGEST,
)  # fmt: skip


def signed(manifest: Mapping[str, Any]) -> str:
    """The manifest file's content: the record and its digest."""
    return files.as_json({**manifest, DIGEST: files.fingerprint(manifest)})


def is_signed(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest's digest is that of what it says."""
    record = {key: value for key, value in manifest.items() if key != DIGEST}
    return manifest.get(DIGEST) == files.fingerprint(record)


def verify(folder: Path) -> list[str]:
    """Everything that is not as the store was sealed, in one line each: nothing if it is whole.

    Every byte is read. Raises ValueError where there is no manifest to compare with.
    """
    path = manifest_path(folder)
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        own = {MANIFEST, SEALED, records.path_of(path).name}
        known = own | {name for name, _ in recorded_files(manifest)}
        intact = is_signed(manifest) and content == files.as_json(manifest).encode()
        problems = [] if intact else [f"{path}: damaged"]
        problems += [*wrong_sizes(folder, manifest), *_wrong_contents(folder, manifest)]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return [f"{path}: damaged"]
    copy = folder / SEALED
    if not copy.exists() or copy.read_bytes() != content:
        problems.append(f"{copy}: is not the copy of {MANIFEST}")
    return problems + [
        f"{folder / name}: not part of the store" for name in sorted(_present(folder) - known)
    ]


def _present(folder: Path) -> set[str]:
    """The files of a store, except what its writers may have left there."""
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    return {name for name in names if not name.startswith((LOCK, f"{LEDGER}/"))}


def read_manifest(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """A sealed store's manifest; ValueError if there is none, a damaged one, or one of another kind
    or format."""
    path = manifest_path(folder)
    return checked(files.read_json(path), str(path), kind)


def checked(manifest: Any, place: str, kind: str | None = None) -> dict[str, Any]:
    """What a manifest says; ValueError names the `place` of one that is damaged, or of another kind
    or format."""
    if not isinstance(manifest, dict):
        raise ValueError(f"{place}: is no store's manifest")
    found = (manifest.get("kind"), manifest.get("format"))
    if found != (kind or found[0], FORMAT):
        expected = f"{kind or 'a store'} of format {FORMAT}"
        raise ValueError(f"{place}: holds {found[0]} of format {found[1]}, expected {expected}")
    if not is_signed(manifest):
        raise ValueError(f"{place}: is not as it was sealed: the store is damaged")
    return manifest


def manifest_path(folder: Path) -> Path:
    """The path of a sealed store's manifest; ValueError if there is none.

    Beside a plan a manifest does not count: it is that of the store which is being replaced.
    """
    path = folder / MANIFEST
    if (folder / LEDGER / PLAN).exists():
        raise ValueError(f"{folder}: not sealed: it is still being written")
    if not path.exists():
        raise ValueError(f"{folder}: not sealed: there is no {MANIFEST}")
    return path


def unseal(folder: Path) -> None:
    """Remove the manifest, and the record of what it was made from."""
    (folder / MANIFEST).unlink(missing_ok=True)
    records.path_of(folder / MANIFEST).unlink(missing_ok=True)


def recorded_files(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each file that the manifest names, with its bytes and sha256."""
    for facts in (manifest["metadata"], *manifest["shards"]):
        yield from facts.items()


def wrong_sizes(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Files that are missing or of another length."""
    for name, facts in recorded_files(manifest):
        file = folder / name
        size = file.stat().st_size if file.is_file() else "no file"
        if size != facts["bytes"]:
            yield f"{file}: {size}, but {MANIFEST} says {facts['bytes']} bytes"


def _wrong_contents(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Files of the right length but another content."""
    for name, facts in recorded_files(manifest):
        file = folder / name
        if not file.is_file() or file.stat().st_size != facts["bytes"]:
            continue
        found = files.sha256(file)
        if found != facts["sha256"]:
            yield f"{file}: sha256 {found}, but {MANIFEST} says {facts['sha256']}"
