"""Room on the disks on which an experiment's folders lie."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from posecache.config.stages import Job
from posecache.doctor.finding import FAIL, OK, WARN, Finding
from posecache.estimates.outlook import Outlook
from posecache.estimates.words import bytes_of

FULL = 0.8  # of what is free: from here on a warning


def examine(outlook: Outlook, folders: Sequence[str]) -> Iterator[Finding]:
    """Room for what the jobs ahead write, on each disk; of a run with none ahead, in `folders`."""
    disks: dict[int, tuple[Path, list[Job]]] = {}
    for folder in folders:
        place = standing(Path(folder))
        disks.setdefault(place.stat().st_dev, (place, []))
    for job in outlook.ahead:
        place = standing(Path(job.output).parent)
        disks.setdefault(place.stat().st_dev, (place, []))[1].append(job)
    for place, jobs in disks.values():
        size = outlook.size(jobs)
        yield room(place, size.bytes, size.files)


def standing(folder: Path) -> Path:
    """The folder itself, or the one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def room(place: Path, wanted: float, files: int) -> Finding:
    """Whether a folder may be written to, and has room for so many bytes and files."""
    what, shown = "disk", place.resolve()
    if not os.access(place, os.W_OK | os.X_OK):
        todo = "other `results` and `cache`, or the right to write there"
        return Finding(FAIL, what, f"{shown}: may not be written to", todo)
    free, inodes = shutil.disk_usage(place).free, os.statvfs(place)
    found = f"{shown}: {bytes_of(free)} free"
    if not files:
        return Finding(OK, what, found)
    found += f", about {bytes_of(wanted)} to write"
    todo = "another disk for `results` and `cache`, or logits.encoding: compact"
    if wanted > FULL * free:
        return Finding(FAIL if wanted > free else WARN, what, found, todo)
    if inodes.f_files and files > inodes.f_favail:
        found = f"{shown}: room for {inodes.f_favail:,} files, {files:,} to write"
        return Finding(FAIL, what, found, "a larger logits.shard_rows, or another disk")
    return Finding(OK, what, f"{found} in {files:,} files")
