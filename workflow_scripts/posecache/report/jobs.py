"""What jobs are doing, read from what they leave while they run: logs, histories and ledgers.

A job's log is `logs/STAGE/NAMES.log`. Once the job has succeeded, Snakemake writes
`benchmarks/STAGE/NAMES.tsv`, which is then the newer one of the two.
"""

import csv
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from posecache.stores.manifest import LEDGER

State = Literal["at work", "silent", "stopped", "failed", "finished"]
ENDS = 20_000  # bytes of a log's beginning and end that are read
SILENCE = 600.0  # s without a word after which a job may be dead, or this part of its run so far:
PART = 0.05
CLOCKS = 1.0  # s by which a file server's times may be apart
STOPPED = ("stopped by ", "interrupted")  # how a stage's last line begins: posecache/stage.py
FAILED = re.compile(r"(\S+: )?error: ")

BAR = re.compile(
    r"\s*\d+%\|[^|\r\n]*\| (?P<done>\d+)/(?P<total>\d+) \[(?P<gone>[\d:]+)<(?P<left>[\d:?]+), +"
    r"(?P<rate>[\d.?]+)(?P<unit>[^,\]\r\n]*)(?P<more>[^\]\r\n]*)\]"
)
GOES_ON = re.compile(r"goes on from ([^\r\n]*)")


@dataclass(frozen=True)
class Bar:
    """A line of a progress bar; `more` are further numbers by name."""

    done: int
    total: int
    gone: float  # s of this process
    left: str  # as 1:02:03, or ? at first
    speed: str  # as 12.3step/s
    more: dict[str, str]


@dataclass(frozen=True)
class Job:
    """A job whose log lies below a folder of results."""

    results: Path
    log: Path
    told: float  # when its log was written last, s since 1970 as all times here
    now: float

    @property
    def stage(self) -> str:
        """As train_student."""
        return self.log.relative_to(self.results / "logs").parts[0]

    @property
    def names(self) -> tuple[str, ...]:
        """What the stage works on, as (model, sample set)."""
        return self.log.relative_to(self.results / "logs").with_suffix("").parts[1:]

    @property
    def silence(self) -> float:
        """Seconds since its log was written."""
        return max(0.0, self.now - self.told)

    @cached_property
    def finished(self) -> bool:
        """Whether it has succeeded since its log was begun."""
        path = self.results / "benchmarks" / self.stage / Path(*self.names)
        try:
            written = path.with_name(f"{path.name}.tsv").stat().st_mtime
        except FileNotFoundError:
            return False
        return written >= self.told - CLOCKS

    @cached_property
    def text(self) -> str:
        """The beginning and the end of its log, which may end in half a line."""
        with suppress(FileNotFoundError), self.log.open("rb") as file:
            head = file.read(ENDS)
            file.seek(max(len(head), file.seek(0, os.SEEK_END) - ENDS))
            return (head + b"\n" + file.read()).decode(errors="replace")
        return ""

    @cached_property
    def lines(self) -> list[str]:
        """What its log says, but for bars."""
        return [line.strip() for line in re.split(r"[\r\n]+", BAR.sub("\n", self.text)) if line]

    @property
    def last(self) -> str:
        """Its log's last line."""
        return self.lines[-1] if self.lines else ""

    @cached_property
    def bar(self) -> Bar | None:
        """Its log's last bar."""
        found = list(BAR.finditer(self.text))
        return _bar(found[-1]) if found else None

    @property
    def found(self) -> str | None:
        """What an earlier process had left it, as `12 of 40 epochs`."""
        said = GOES_ON.findall(self.text)
        return said[-1] if said else None

    @property
    def state(self) -> State:
        """How it is; a `stopped` job has saved what it did, a `silent` one may have been killed."""
        if self.finished:
            return "finished"
        if self.last.startswith(STOPPED):
            return "stopped"
        if FAILED.match(self.last) or "Traceback (most recent call last)" in self.text:
            return "failed"
        gone = self.bar.gone if self.bar else 0.0
        return "silent" if self.silence > max(SILENCE, PART * gone) else "at work"

    @property
    def shards(self) -> str | None:
        """Finished shards of the store that it writes, those of other jobs too."""
        kind = {"prepare_samples": "samples", "cache_logits": "logits"}.get(self.stage)
        if kind is None:
            return None
        folder = self.results / kind / Path(*self.names[:-1]) / _store(self.names[-1])
        count = len(list((folder / LEDGER).glob("[0-9]*.json")))
        return f"{count} shards stand" if count else None

    @property
    def epoch(self) -> dict[str, str]:
        """The last row of a training run's history."""
        file = self.results / "models" / self.names[-1] / "history.csv"
        if self.stage != "train_student" or not file.is_file():
            return {}
        rows = list(csv.DictReader(file.read_text().splitlines()))
        return {name: value for name, value in rows[-1].items() if value} if rows else {}


def _bar(found: re.Match[str]) -> Bar:
    more = re.findall(r"([^\s,=]+)=([^\s,=]+)", found["more"])
    gone = 0.0
    for part in found["gone"].split(":"):
        gone = 60 * gone + float(part)
    speed = found["rate"] + found["unit"]
    return Bar(int(found["done"]), int(found["total"]), gone, found["left"], speed, dict(more))


def _store(name: str) -> str:
    """The sample set of a job that may be one of several (rules/logits.smk)."""
    return re.sub(r"-\d+-of-\d+-[0-9a-f]+$", "", name)


def jobs(folders: Sequence[Path], now: float | None = None) -> list[Job]:
    """All jobs that have left a log below folders of results; last the one that told last."""
    found = _jobs(folders, time.time() if now is None else now)
    return sorted(found, key=lambda job: job.told)


def _jobs(folders: Sequence[Path], now: float) -> Iterator[Job]:
    for folder in folders:
        for log in (folder / "logs").rglob("*.log"):
            with suppress(FileNotFoundError):  # it is being replaced
                yield Job(folder, log, log.stat().st_mtime, now)


def failures(folders: Sequence[str], since: float) -> list[str]:
    """A line for each job that has failed or was stopped since a moment."""
    late = [job for job in jobs([Path(f) for f in folders]) if job.told >= since]
    failed = [job for job in late if job.state in ("failed", "stopped")]
    return [f"{job.stage} {' '.join(job.names)}: {job.last}" for job in failed]
