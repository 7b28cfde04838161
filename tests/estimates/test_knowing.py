"""What is known before a run: persons, sizes of networks, speeds, and the minutes asked for."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from demo_config import ROOT, changed
from posecache import config
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.datasets.demo.pictures import FRAMINGS
from posecache.datasets.demo.settings import PEOPLE
from posecache.estimates import networks, rows, speeds, times, work
from posecache.logits.settings import MERGES, Views

PAPER = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())


def stages(record: dict[str, Any]) -> Stages:
    return Stages(Places(config.parse(record)))


def paper(**compute: Any) -> Stages:
    return stages(PAPER | {"compute": {"device": "cpu", **compute}})


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_people_of_a_demo_picture() -> None:
    for name, framing in FRAMINGS.items():
        mean = sum(count * share for count, share in enumerate(framing.people, 1))
        assert PEOPLE[name] == pytest.approx(mean)


def test_rows_that_are_known_before_the_samples_are_prepared() -> None:
    found = rows.RowCounts(paper())
    assert found.of("coco2017-val") == rows.Rows(104_125, "customary")  # those of the detector
    both = found.of("coco2017-train", "mpii-official-train")
    assert both == rows.Rows(149_813 + 22_246, "customary")
    assert found.of("halpe-val2017").count == 0
    assert found.of("coco2017-train", "halpe-val2017").count == 0
    demo = rows.RowCounts(stages(changed("seeds", [0])))
    assert demo.of("coco-train") == rows.Rows(1800, "guessed")
    assert demo.of("mpii-cross") == rows.Rows(round(250 * 1.55), "guessed")
    fewer = copy.deepcopy(PAPER)
    fewer["samples"]["coco2017-val"]["min_box_score"] = 0.5
    assert rows.RowCounts(stages(fewer)).of("coco2017-val") == rows.UNKNOWN


def test_a_file_that_is_there_is_read_if_that_is_asked_for() -> None:
    record = changed("samples.coco-val.annotations", "people.json")
    person = {"image_id": 1, "bbox": [1, 1, 8, 8], "area": 40, "iscrowd": 0, "category_id": 1,
              "keypoints": [4, 4, 2] * 17, "num_keypoints": 17}  # fmt: skip
    people = [person | {"id": 1}, person | {"id": 2}, person | {"id": 3, "iscrowd": 1}]
    image = {"id": 1, "file_name": "1.jpg", "width": 16, "height": 16}
    content = {"images": [image], "annotations": people, "categories": [{"id": 1}]}
    Path("people.json").write_text(json.dumps(content))
    found = stages(record)
    assert rows.RowCounts(found, read=True).of("coco-val") == rows.Rows(2, "counted")
    assert rows.RowCounts(found).of("coco-val") == rows.UNKNOWN


@pytest.mark.parametrize(("variant", "millions", "gflops"), [
    ("t", 3.3, 0.36), ("s", 5.5, 0.68), ("m", 13.6, 1.93), ("l", 27.7, 4.16),
])  # fmt: skip
def test_networks_are_about_as_large_as_published(
    variant: str, millions: float, gflops: float
) -> None:
    found = networks.network(stages(changed("training.variant", variant)).config, "coco-t")
    eighth = 64 * 96 / (192 * 256)
    assert found.gflops == pytest.approx(gflops * eighth, rel=0.1)
    assert found.millions == pytest.approx(millions, rel=0.1)


def test_an_imported_network_is_as_large_as_its_file() -> None:
    unknown = networks.network(paper().config, "rtmpose-m-coco")
    assert unknown == networks.Network(13.6, 1.93)
    path = Path(PAPER["teachers"]["rtmpose-m-mpii"]["weights"])
    path.parent.mkdir()
    path.write_bytes(bytes(1_360_000 * 4))
    small = networks.network(paper().config, "rtmpose-m-mpii")
    assert small.gflops == pytest.approx(0.193 * 256 / 192)


def test_looks_are_those_that_the_rules_take() -> None:
    for given in ({"rotations": [0, 30]}, {"rotations": [0, 30], "merge": "mean", "augmented": 2},
                  {"merge": "confident"}):  # fmt: skip
        views = Views.model_validate(given)
        assert views.looks == MERGES[views.merge].most_looks(views)


def test_a_speed_is_stated_or_guessed_by_device_and_threads() -> None:
    assert speeds.Speeds(paper(threads=4)).of("cache", "rtmpose-m-coco") == speeds.Speed(
        4 * 10 / 1.93, "guessed"
    )
    stated = paper(speeds={"train": {"rtmpose-t-unified": 2000.0}})
    found = speeds.Speeds(stated).of("train", "rtmpose-t-unified@3")
    assert found == speeds.Speed(2000.0, "stated")


def test_a_speed_that_was_measured_counts_for_others_by_their_sizes() -> None:
    """42 s for 100 samples, then 58 s for 100: 2 a second."""
    history = Path("results/models/rtmpose-t-coco/history.csv")
    history.parent.mkdir(parents=True)
    lines = ["epoch,seconds,samples_per_s", f"1,42,{100 / 42}", f"2,58,{100 / 58}"]
    history.write_text("\n".join(lines))
    found = speeds.Speeds(paper())
    assert found.of("train", "rtmpose-t-coco") == speeds.Speed(pytest.approx(2.0), "measured")
    twin, larger = (found.of("train", f"rtmpose-{size}-mpii") for size in "ts")
    assert twin == speeds.Speed(pytest.approx(2.0), "measured of rtmpose-t-coco")
    assert larger.a_second == pytest.approx(2.0 * 0.36 / 0.68, rel=0.1)


@pytest.mark.parametrize(("provider", "known"), [
    ("CPUExecutionProvider", "measured"), ("CUDAExecutionProvider", "guessed"),
])  # fmt: skip
def test_a_cache_tells_the_crops_a_second_of_its_device(provider: str, known: str) -> None:
    manifest = Path("results/logits/rtmpose-m-coco/any/manifest.json")
    manifest.parent.mkdir(parents=True)
    runtime = {"num_rows": 100, "seconds_elapsed": 20.0, "provider": provider}
    views = {"rotations": [0.0, 30.0], "augmented": 1}
    manifest.write_text(json.dumps(
        {"runtime": runtime, "identity": {"flip": True, "views": views}}
    ))  # fmt: skip
    found = speeds.Speeds(paper()).of("cache", "rtmpose-m-coco")
    assert found.known == known
    if known == "measured":  # 3 looks, each twice
        assert found.a_second == 100 * 3 * 2 / 20


@pytest.mark.parametrize(("stage", "names"), [
    ("cache", "rtmpose-t-mpii"), ("train", "rtmpose-t-mpii, rtmpose-t-coco"),
])  # fmt: skip
def test_a_speed_of_nobody_is_refused(stage: str, names: str) -> None:
    with pytest.raises(ValueError, match=f"compute.speeds.{stage}: unknown name 'who'.*{names}"):
        paper(speeds={stage: {"who": 1.0}})


def minutes(found: Stages, kind: str, *names: str, attempt: int = 1) -> int:
    return times.Times(found).of(kind, *names)(SimpleNamespace(), attempt)


def test_jobs_ask_for_minutes_with_a_margin_and_a_cap() -> None:
    student = "rtmpose-t-mpii"
    stated = {"train": {student: 2000.0}, "cache": {"rtmpose-m-coco": 10.0}}
    found = paper(speeds=stated)
    seconds = 420 * 22_246 / 2000 + work.STARTUP
    assert minutes(found, "model", student) == -(-2 * seconds // 60)
    assert minutes(found, "model", student, attempt=2) == 2 * minutes(found, "model", student)
    assert minutes(paper(speeds=stated, max_minutes=100), "model", student) == 100
    # Of Halpe's persons nobody knows how many they are.
    assert minutes(found, "logits", student, "halpe-val2017") == 1440
    assert minutes(found, "table", "table1") == times.LEAST
    seconds = 149_813 * 2 / 10 + work.STARTUP
    asked = minutes(found, "logits", "rtmpose-m-coco", "coco2017-train")
    assert asked == -(-2 * seconds // 60)
    # Four jobs share the work; what is guessed has a wider margin.
    found = stages(PAPER | {"logits": {"jobs": 4}, "compute": {"speeds": stated}})
    assert minutes(found, "logits", "rtmpose-m-coco", "coco2017-train") == -(-2 * seconds // 240)
    passes = 420 * 22_246
    guessed = passes / (5 / 3 / networks.network(paper().config, student).gflops) + work.STARTUP
    found = paper(max_minutes=10**9)
    assert minutes(found, "model", student) == -(-5 * guessed // 60)


def test_a_wildcard_stands_for_a_name() -> None:
    asked = times.Times(paper()).of("score", "model", "benchmark")
    wildcards = SimpleNamespace(model="rtmpose-t-mpii", benchmark="mpii")
    assert asked(wildcards, 1) == times.LEAST


def test_an_earlier_run_of_a_small_job_tells_its_time() -> None:
    tsv = Path("results/benchmarks/score/rtmpose-t-mpii/mpii.tsv")
    tsv.parent.mkdir(parents=True)
    tsv.write_text("s\th:m:s\n600.5\t0:10:00\n")
    assert minutes(paper(), "score", "rtmpose-t-mpii", "mpii") == 21
    tsv.write_text("s\th:m:s\nNA\tNA\n")
    assert minutes(paper(), "score", "rtmpose-t-mpii", "mpii") == times.LEAST
