"""Sizes and times in words."""


def bytes_of(count: float) -> str:
    """Bytes in words: 1.2 GB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.{0 if count >= 99.5 * size else 1}f} {unit}"
    return f"{count:.0f} B"


def time_of(seconds: float) -> str:
    """Seconds in words: 3.2 h, 12 min, 40 s."""
    if seconds >= 3600:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
