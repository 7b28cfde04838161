"""Several jobs cache one model's logits over one sample set."""

import json
import shutil
from pathlib import Path
from typing import Any

from conftest import Workdir, mini_config
from posecache.files import read_json
from posecache.stores.manifest import verify

STORE = "results/logits/teacher-coco/coco-train"


def content(workdir: Workdir) -> dict[str, Any]:
    manifest = read_json(workdir.path / STORE / "manifest.json")
    return {k: v for k, v in manifest.items() if k not in ("runtime", "digest")}


def test_three_jobs_give_the_store_of_one(finished: Workdir, tmp_path: Path) -> None:
    """A store that is only sealed again keeps its manifest, too."""
    shutil.copytree(finished.path, tmp_path / "copy")  # other tests use the finished one
    finished = Workdir(tmp_path / "copy")
    one = content(finished)
    record = mini_config()
    record["logits"]["jobs"] = 3
    finished.configure(record)
    manifest = f"{STORE}/manifest.json"
    before = (finished.path / manifest).read_text()
    kept = finished.snakemake("--cores", "2", manifest)
    assert (finished.path / manifest).read_text() == before
    for path in (finished.path / STORE / "arrays.zarr").rglob("c/*/0/0/0"):
        path.unlink()  # every shard is to be made again
    done = finished.snakemake("--cores", "2", "--forcerun", "cache_logits", "--", manifest)
    assert kept.returncode == done.returncode == 0, done.stdout + done.stderr
    assert len(one["shards"]) >= 2
    assert json.dumps(content(finished)) == json.dumps(one)
    assert verify(finished.path / STORE) == []
    record["logits"]["jobs"] = 1
    finished.configure(record)
    shard = next((finished.path / STORE / "arrays.zarr").rglob("c/*/0/0/0"))
    written = shard.stat().st_mtime_ns
    back = finished.snakemake("--cores", "2", "--forcerun", "cache_logits", "--", manifest)
    assert back.returncode == 0, back.stdout + back.stderr
    assert shard.stat().st_mtime_ns == written
    assert json.dumps(content(finished)) == json.dumps(one)
