from pathlib import Path

import pytest
import yaml

from posecache import config
from posecache.config import resources

ROOT = Path(__file__).parents[2]
PAPER = config.load(ROOT / "configs" / "paper.yaml")
STUDENTS = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())["students"]
TEACHER, STUDENT = "rtmpose-m-coco", "rtmpose-t-unified"


def changed(**sections: dict[str, object]) -> config.Config:
    """The paper's configuration with keys of some sections replaced."""
    record = yaml.safe_load((ROOT / "configs" / "paper.yaml").read_text())
    for name, values in sections.items():
        record[name] |= values
    return config.parse(record)


def test_a_row_of_logits_by_hand() -> None:
    # 17 keypoints, 2 x (192 + 256) bins, 4 bytes.
    assert resources.row_mb(PAPER, TEACHER) == pytest.approx(17 * 896 * 4 / 1e6)
    # The union has 21, whatever the student's sample sets label.
    assert resources.row_mb(PAPER, STUDENT) == pytest.approx(21 * 896 * 4 / 1e6)
    views = changed(logits={"views": {"rotations": [0, 30, -30]}})
    assert resources.row_mb(views, TEACHER) == pytest.approx(3 * 17 * 896 * 4 / 1e6)
    merged = changed(logits={"views": {"rotations": [0, 30, -30], "merge": "mean"}})
    assert resources.row_mb(merged, TEACHER) == resources.row_mb(PAPER, TEACHER)


@pytest.mark.parametrize(("skeleton", "keypoints"), [("halpe26+mpii16", 27), ("wide.yaml", 133)])
def test_memory_follows_the_real_number_of_keypoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skeleton: str, keypoints: int
) -> None:
    names = [f"point_{number}" for number in range(133)]
    wide = {"keypoints": names, "sigmas": [0.1] * 133, "links": []}
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(wide))
    monkeypatch.chdir(tmp_path)
    teacher = {"weights": "a.onnx", "skeleton": skeleton, "input_size": [192, 256]}
    found = changed(teachers={"other": teacher})
    assert resources.row_mb(found, "other") == pytest.approx(keypoints * 896 * 4 / 1e6)


def test_caching_asks_for_the_network_three_shards_and_looks_on_their_way() -> None:
    # 64 crops of 192 x 256 px at 4e-4 MB per px; 3 x 1024 rows of 0.0609 MB; 3000 for CUDA; the
    # looks of 16 * (threads + 4) persons and two batches, each a crop and twice its logits.
    look = 3e-6 * 192 * 256 + 2 * 17 * 896 * 4e-6
    threads = PAPER.compute.threads
    ways = (64 * (threads + 4) + 128) * look
    assert resources.caching_mb(PAPER, TEACHER) == 800 + round(1258.29 + 187.17 + ways) + 3000
    small = changed(
        logits={"batch": 8, "views": {"rotations": list(range(12)), "merge": "mean"}},
        compute={"device": "cpu", "threads": 1},
    )
    ways = (16 * 5 * 12 + 16) * look
    assert resources.caching_mb(small, TEACHER) == 800 + round(157.29 + 187.17 + ways)


def test_training_asks_for_what_it_keeps_two_windows_and_the_network() -> None:
    # 2 x 16 chunks of 64 rows; crops of 704 px at most; the rows of two teachers.
    row = 3e-6 * 704**2 + (17 * 896 + 16 * 1024) * 4 / 1e6
    expected = 40000 + round(2048 * row) + 1350 + 3000
    assert resources.training_mb(PAPER, STUDENT) == expected
    alone = 40000 + round(2048 * 3e-6 * 704**2) + 1350 + 3000
    assert resources.training_mb(PAPER, "rtmpose-t-combined") == alone
    validated = changed(training={"validate_epochs": 10})
    assert resources.training_mb(validated, STUDENT) == expected + resources.VALIDATION_MB
    # Processes that share a run share what is kept, and have a network each.
    several = changed(students={STUDENT: STUDENTS[STUDENT] | {"gpus": 4}})
    assert resources.training_mb(several, STUDENT) == expected + 3 * (1350 + 3000)
    # A batch that is larger than a window decides how much is read ahead.
    large = changed(training={"batch_size": 2000})
    rows = 2 * (2000 + 64)
    assert resources.training_mb(large, STUDENT) == 40000 + round(rows * row) + 1350 + 3000


def test_gpus_are_asked_for_by_number_or_by_slurms_name_for_them() -> None:
    def asked(**compute: object) -> tuple[int, str]:
        found = changed(compute=compute).compute
        return found.asked_gpu(4), found.asked_gres(4)

    assert asked(device="cuda") == (4, "")
    assert asked(device="cuda", gres="gpu:a100") == (0, "gpu:a100:4")
    assert asked(device="cpu", gres="gpu") == (0, "")
    with pytest.raises(ValueError, match=r"compute\.gres"):
        asked(gres="gpu:a100:4")
