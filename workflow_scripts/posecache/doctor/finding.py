"""What a check has found."""

from dataclasses import dataclass
from typing import Literal

OK: Literal["ok"] = "ok"
WARN: Literal["warn"] = "warn"
FAIL: Literal["FAIL"] = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report: `what` was looked at, what was `found`, and what is to be done."""

    level: Literal["ok", "warn", "FAIL"]
    what: str
    found: str
    todo: str = ""


def several(names: list[str], shown: int = 3) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
