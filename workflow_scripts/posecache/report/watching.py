"""A picture of jobs at work, a line each, for a terminal."""

from collections import Counter
from collections.abc import Sequence

from posecache.report.jobs import Bar, Job

WIDTH = 10  # of a bar, in characters
SHOWN = ("loss", "samples/s")  # what a training run's bar says, in this order


def picture(jobs: Sequence[Job]) -> list[str]:
    """Lines: jobs at work, then those that say nothing, were stopped or have failed, and how many
    have finished."""
    by_state = {state: [j for j in jobs if j.state == state] for state in STATES}
    lines = [_line(job, text(job)) for state, text in STATES.items() for job in by_state[state]]
    finished = [job for job in jobs if job.state == "finished"]
    if finished:
        counts = Counter(job.stage for job in finished)
        listed = ", ".join(f"{count} {stage}" for stage, count in sorted(counts.items()))
        last = finished[-1]
        ago = f"{last.stage} {' '.join(last.names)}, {duration(last.silence)} ago"
        lines.append(f"finished: {listed}; last {ago}")
    return lines or ["no job has left a log here"]


def _line(job: Job, text: str) -> str:
    return f"{job.stage:<15} {' '.join(job.names):<24} {text}"


def _at_work(job: Job) -> str:
    parts = [job.last or "begins"] if job.bar is None else [_bar(job.bar), *_numbers(job.bar)]
    parts += [job.shards] if job.shards else []
    parts += [_epoch(job.epoch)] if job.epoch else []
    parts += [f"went on from {job.found}"] if job.found else []
    return "  ".join(parts)


def _bar(bar: Bar) -> str:
    part = bar.done / max(bar.total, 1)
    drawn = "█" * round(WIDTH * part)
    return f"{drawn:░<{WIDTH}} {100 * part:3.0f} %  {bar.done}/{bar.total}"


def _numbers(bar: Bar) -> list[str]:
    """Speed, loss and time left."""
    speed = [] if "samples/s" in bar.more else [bar.speed]
    said = [f"{name} {bar.more[name]}" for name in SHOWN if name in bar.more]
    return [*speed, *said, f"{bar.left} left"]


def _epoch(row: dict[str, str]) -> str:
    """A row of history.csv: what was scored, if anything was."""
    scored = {n.removeprefix("val/"): v for n, v in row.items() if n.startswith("val/")}
    said = [f"{name} {value}" for name, value in {"loss": row["loss"], **scored}.items()]
    return f"epoch {row['epoch']}: {', '.join(said)}"


def _silent(job: Job) -> str:
    return f"silent for {duration(job.silence)}, after: {_at_work(job)}"


def _ended(job: Job) -> str:
    return f"{job.state} {duration(job.silence)} ago: {job.last}"


STATES = {"at work": _at_work, "silent": _silent, "stopped": _ended, "failed": _ended}


def duration(seconds: float) -> str:
    """About how long: 40 s, 12 min, 3.5 h, 2.1 d."""
    for size, unit in ((86400, "d"), (3600, "h")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
