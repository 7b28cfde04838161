"""What stands already."""

from collections.abc import Sequence
from pathlib import Path

import posecache
from posecache import records
from posecache.doctor.finding import OK, WARN, Finding


def examine(folders: Sequence[str]) -> Finding:
    """Outputs that another version of posecache has made; nothing is made again for that alone."""
    found = others(folders)
    own = f"this is posecache {posecache.__version__}, code {records.code()}"
    if not found:
        return Finding(OK, "results", f"none of another version; {own}")
    todo = "fine unless numbers are compared; `posecache doctor --others` lists them, to be removed"
    return Finding(WARN, "results", f"{len(found)} outputs of another version; {own}", todo)


def others(folders: Sequence[str]) -> list[str]:
    """Outputs of another version, in one line each."""
    return [line for folder in folders for line in records.by_other_code(Path(folder))]
