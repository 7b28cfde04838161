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


def test_a_share_of_other_logits_does_not_count(finished: Workdir, tmp_path: Path) -> None:
    """One of two jobs has run, and then the settings change."""
    shutil.copytree(finished.path, tmp_path / "copy")
    copy, record = Workdir(tmp_path / "copy"), mini_config()
    shutil.rmtree(copy.path / STORE)
    record["logits"] |= {"jobs": 2, "flip": False}
    copy.configure(record)
    shares = sorted(path for path in copy.plan(f"{STORE}/manifest.json") if ".shares" in path)
    assert len(shares) == 2
    half = copy.snakemake("--cores", "2", "--notemp", "--", shares[0])
    assert half.returncode == 0, half.stdout + half.stderr
    assert shares[0] not in copy.plan(f"{STORE}/manifest.json")
    record["logits"]["flip"] = True
    copy.configure(record)
    done = copy.snakemake("--cores", "2", f"{STORE}/manifest.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert content(copy)["flip"] is True
    assert copy.plan(f"{STORE}/manifest.json") == set()


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
