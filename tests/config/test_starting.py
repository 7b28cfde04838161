from pathlib import Path
from typing import Any

import pytest

import tiny
from demo_config import changed
from posecache import config, samples
from posecache.config.places import Places
from posecache.config.starting import check_device, check_stores, has_driver


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_cuda_needs_a_driver() -> None:
    with pytest.raises(ValueError, match=r"^compute\.device: cuda, and this machine has no NVIDIA"):
        check_device(config.parse(changed("compute.device", "cuda")))


@pytest.mark.skipif(not has_driver(), reason="this machine has no NVIDIA driver")
def test_a_driver_is_seen() -> None:
    check_device(config.parse(changed("compute.device", "cuda")))


def test_a_cpu_is_always_there() -> None:
    check_device(config.parse(changed("compute.device", "cpu")))


FILES = {"format": "coco", "annotations": "a.json", "images": "b", "skeleton": "coco17"}


def experiment(folder: Path, batch_size: int = 1) -> Places:
    """One student of the sample set `few`, and PCKh over it."""
    record: dict[str, Any] = {
        "results": str(folder),
        "samples": {"few": FILES | {"crops": {"size": 32}}},
        "students": {"s": {"samples": ["few"], "training": {"batch_size": batch_size}}},
        "benchmarks": {"heads": {"samples": "few", "metric": "pckh"}},
    }
    return Places(config.parse(record))


def prepare(folder: Path, record: dict[str, Any] | None = None) -> None:
    """Make the sample store `few` of ten persons."""
    path = tiny.write_coco(folder / "data", record)
    samples.prepare(
        tiny.annotations(path), folder / "samples" / "few", crops=tiny.CROPS, cut=tiny.SMALL_CUT
    )


def test_a_batch_larger_than_the_finished_samples_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path)
    check_stores(experiment(tmp_path, 10), ["s"], ["heads"], [])
    told = r"^students\.s\.training\.batch_size: 11 is more than the 10 persons of few"
    with pytest.raises(ValueError, match=told):
        check_stores(experiment(tmp_path, 11), ["s"], [], [])


def test_pckh_over_finished_samples_without_head_sizes_is_refused(tmp_path: Path) -> None:
    record = tiny.coco_record()
    del record["annotations"][3]["head_box"]
    prepare(tmp_path, record)
    told = r"^benchmarks\.heads: .*annotations\.json: row 3, person 103: PCKh needs a head box"
    with pytest.raises(ValueError, match=told):
        check_stores(experiment(tmp_path), [], ["heads"], [])


def test_what_will_be_made_first_is_not_looked_at(tmp_path: Path) -> None:
    places = experiment(tmp_path, 11)
    coming = [f"{places.samples('few')}/manifest.json"]
    check_stores(places, ["s"], ["heads"], coming)
    with pytest.raises(ValueError, match="few"):
        check_stores(places, ["s"], [], [])
