"""The command plan."""

import argparse
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from posecache.commands.adding import Commands, add_command, add_configuration
from posecache.commands.showing import aligned
from posecache.estimates.words import bytes_of, time_of

if TYPE_CHECKING:
    from posecache.estimates.outlook import Line, Outlook
    from posecache.estimates.rows import Rows

HEADINGS = ("what", "name", "state", "persons", "known", "passes", "bytes", "files", "time", "by")
NUMBERS = frozenset({"persons", "passes", "bytes", "files", "time"})
TOGETHER = {"demo": "rendered sets", "score": "scores", "table": "tables", "report": "page"}
UNKNOWN = "?"
UNKNOWN_TIME = "unknown"  # as estimates/work.py says it


def plan(arguments: argparse.Namespace) -> None:
    """Tell before a run what it would make: rows, bytes, passes through models, and time."""
    from posecache.config.places import open_experiment
    from posecache.config.stages import Stages
    from posecache.estimates.outlook import Outlook

    logging.getLogger("posecache").setLevel(logging.ERROR)
    outlook = Outlook(Stages(open_experiment([arguments.config], {})))
    rows = [_row(outlook, line) for line in outlook.lines]
    print("\n".join(aligned([HEADINGS, *rows], NUMBERS)), end="\n\n")
    print("\n".join(_totals(outlook, arguments.jobs)))


def _row(outlook: "Outlook", line: "Line") -> tuple[str, ...]:
    """A line's cells; what stands takes nothing any more."""
    rows = outlook.work(line.jobs[0]).rows
    persons = ("", "") if line.kind in TOGETHER or rows is None else _persons(rows)
    return (line.kind, _name(line), line.state, *persons, *_ahead(outlook, line))


def _name(line: "Line") -> str:
    count = len(line.jobs)
    if line.kind in TOGETHER:
        return f"{count} {TOGETHER[line.kind]}"
    return f"{line.name} ({count} seeds)" if count > 1 else line.name


def _persons(rows: "Rows") -> tuple[str, str]:
    return (f"{rows.count:,}" if rows.count else UNKNOWN, rows.known)


def _ahead(outlook: "Outlook", line: "Line") -> tuple[str, ...]:
    """Passes, bytes, files and time that are ahead, and by what the time is known."""
    if not line.ahead:
        return ("",) * 5
    works, size = [outlook.work(job) for job in line.ahead], outlook.size(line.ahead)
    known, speed = ", ".join(dict.fromkeys(work.known for work in works)), works[0].a_second
    passes, unknown = sum(work.passes for work in works), any(w.seconds is None for w in works)
    return (
        f"{passes:,}" if passes else "",
        UNKNOWN if unknown and line.kind in ("samples", "logits") else bytes_of(size.bytes),
        f"{size.files:,}",
        UNKNOWN if unknown else time_of(outlook.seconds(line.ahead)),
        known if speed is None else f"{speed:,.0f}/s {known}",
    )


def _totals(outlook: "Outlook", jobs: int) -> Iterator[str]:
    """What it all comes to."""
    ahead = outlook.ahead
    size, alone = outlook.size(ahead), outlook.seconds(ahead)
    yield f"{len(ahead)} of {len(outlook.jobs)} jobs are ahead."
    if not ahead:
        return
    yield (
        f"They write about {bytes_of(size.bytes)} in {size.files:,} files, and take about "
        f"{time_of(alone)} one after the other, {time_of(outlook.duration(jobs))} {jobs} at a time."
    )
    known = {known for job in ahead if (known := outlook.work(job).known)}
    if UNKNOWN_TIME in known:
        yield "Neither bytes nor time are counted where nobody knows the persons yet (?)."
    if "guessed" in known:
        yield "A guess may be wrong by a factor: state what you know in compute.speeds."
    if any(line.state == "begun" for line in outlook.lines):
        yield "What is begun goes on from where it is; its time is told from the beginning."


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def add(commands: Commands) -> None:
    """Add it to the command line."""
    command = add_command(commands, "plan", plan)
    add_configuration(command)
    command.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="that run side by side (default: 1)"
    )
