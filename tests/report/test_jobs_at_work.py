"""What is read of jobs' logs; the lines are those of real runs."""

import os
from pathlib import Path

import pytest

from posecache.report.jobs import Job, failures, jobs
from posecache.report.watching import duration, picture

BEGUN = "05:17:57 train_student.py, posecache 0.2.0, 2026-11-22\n"
BARS = (
    "\r  0%|          | 0/952 [00:00<?, ?step/s]"
    "\r 20%|█▉        | 187/952 [00:25<01:42,  7.44step/s, loss=2.0516, samples/s=116]"
)
CACHED = (
    "05:29:39 results/logits/m/s: goes on from 1 of 2 shards\n"
    "\r  0%|          | 0/416 [00:00<?, ?sample/s]05:29:41 results/logits/m/s: shard 1 written\n"
    "\r 50%|█████     | 208/416 [1:00:01<1:00:00, 259.25sample/s]"
)
NOW = 1_000_000.0


def write(folder: Path, name: str, text: str, *, ago: float = 1.0) -> Path:
    path = folder / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW - ago, NOW - ago))
    return path


def only(folder: Path) -> Job:
    (job,) = jobs([folder], NOW)
    return job


def test_a_training_run_at_work(tmp_path: Path) -> None:
    write(tmp_path, "train_student/unified-t.log", BEGUN + BARS)
    history = tmp_path / "models" / "unified-t" / "history.csv"
    history.parent.mkdir(parents=True)
    history.write_text("epoch,loss,val/mpii\n1,0.66,\n2,0.54,71.25\n")
    (line,) = picture([only(tmp_path)])
    assert " ".join(line.split()) == (
        "train_student unified-t ██░░░░░░░░ 20 % 187/952 loss 2.0516 samples/s 116 01:42 left "
        "epoch 2: loss 0.54, mpii 71.25"
    )


def test_one_of_two_jobs_that_cache(tmp_path: Path) -> None:
    write(tmp_path, "cache_logits/m/s-0-of-2-95a1bb3df20f.log", CACHED)
    ledger = tmp_path / "logits" / "m" / "s" / "ledger"
    ledger.mkdir(parents=True)
    for name in ("plan", "00000", "00001", "00002"):
        (ledger / f"{name}.json").touch()
    job = only(tmp_path)
    assert (job.state, job.found, job.shards) == ("at work", "1 of 2 shards", "3 shards stand")
    assert job.bar is not None
    assert (job.bar.gone, job.bar.left, job.bar.speed) == (3601.0, "1:00:00", "259.25sample/s")
    assert job.last == "05:29:41 results/logits/m/s: shard 1 written"


def test_half_a_line_is_read_up_to_its_last_whole_bar(tmp_path: Path) -> None:
    log, text = write(tmp_path, "train_student/a.log", ""), (BEGUN + BARS).encode()
    for length in range(len(text)):
        log.write_bytes(text[:length])
        job = only(tmp_path)
        assert job.state == "at work"
        assert job.bar is None or job.bar.done == 0
        assert picture([job])


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("error: a.json: no such file\n", "failed"),
        ("usage: score.py\nscore.py: error: the following arguments are required\n", "failed"),
        ("Traceback (most recent call last):\n  File\nKeyError: 'a'\n", "failed"),
        ("stopped by SIGTERM after step 328 of 2000\n", "stopped"),
        ("interrupted\n", "stopped"),
        ("05:29:44 mpii-s on coco\n", "at work"),
        ("", "at work"),
    ],
)
def test_how_a_job_has_ended(tmp_path: Path, said: str, state: str) -> None:
    write(tmp_path, "score/a/b.log", f"{BEGUN}{BARS}\n{said}")
    job = only(tmp_path)
    assert job.state == state
    ended = [f"score a b: {said.splitlines()[-1]}"] if state in ("failed", "stopped") else []
    assert failures([str(tmp_path)], NOW - 2) == ended
    assert failures([str(tmp_path)], NOW) == []


def test_a_job_has_finished_once_its_benchmark_is_newer(tmp_path: Path) -> None:
    write(tmp_path, "score/a/b.log", "error: from an earlier run\n", ago=50)
    written = write(tmp_path, "../benchmarks/score/a/b.tsv", "", ago=49)
    assert only(tmp_path).state == "finished"
    assert picture([only(tmp_path)]) == ["finished: 1 score; last score a b, 50 s ago"]
    os.utime(written, (0, 0))  # of the run before
    assert only(tmp_path).state == "failed"


def test_silence_counts_by_how_long_a_job_has_run(tmp_path: Path) -> None:
    write(tmp_path, "score/a/b.log", "", ago=599)
    assert picture([only(tmp_path)])[0].split() == ["score", "a", "b", "begins"]
    write(tmp_path, "score/a/b.log", BEGUN, ago=601)
    (line,) = picture([only(tmp_path)])
    assert "silent for 10 min, after: 05:17:57" in line
    write(tmp_path, "score/a/b.log", BARS.replace("00:25", "10:00:00"), ago=601)
    assert only(tmp_path).state == "at work"


def test_of_a_long_log_the_ends_are_read(tmp_path: Path) -> None:
    found = BEGUN + "05:18:00 goes on from 3 of 40 epochs\n"
    write(tmp_path, "train_student/a.log", found + BARS * 5000 + "\nerror: the end\n")
    job = only(tmp_path)
    assert (job.found, job.last) == ("3 of 40 epochs", "error: the end")
    assert len(job.text) < 50_000


def test_durations() -> None:
    assert [duration(s) for s in (40, 720, 12600, 181440)] == ["40 s", "12 min", "3.5 h", "2.1 d"]
