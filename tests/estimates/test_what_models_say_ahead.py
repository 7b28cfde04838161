"""What annotations and rankings are expected to cost."""

from pathlib import Path

import pytest

from demo_config import changed
from posecache import config
from posecache.config.places import Places
from posecache.config.stages import Stages
from posecache.estimates.outlook import Outlook


def test_the_students_run_is_ahead_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = changed("annotations", {"more": {"samples": "coco-train", "by": ["unified-t"]}})
    record["active_learning"] = {"coco-train": {"by": ["teacher-coco"], "sheet": 10}}
    outlook = Outlook(Stages(Places(config.parse(record))))
    lines = {(line.kind, line.name): line for line in outlook.lines}
    assert ("logits", "unified-t / coco-train") in lines
    annotated, ranked = lines["annotations", "more"], lines["active_learning", "coco-train"]
    people = outlook.work(annotated.jobs[0]).rows
    assert people is not None
    assert people.count == 900 * 2  # pictures of two people on average
    # One picture a person is decoded, 150 a second, after 5 s.
    assert outlook.work(annotated.jobs[0]).seconds == pytest.approx(5 + 1800 / 150)
    assert outlook.size(annotated.jobs).bytes == 1800 * 1000 + 2000
    assert outlook.work(ranked.jobs[0]).seconds == pytest.approx(5 + 1800 / 1000)
    assert outlook.size(ranked.jobs).bytes == 1800 * 60 + 10 * 13000 + 2000
