"""The progress bar of a stage, as a log keeps it."""

from typing import Any

from tqdm import tqdm

SELDOM = 5.0  # s between two lines at first
PART = 0.01  # of the time that has gone by, once that is longer


class Bar(tqdm):
    """A bar whose lines come the more seldom the longer it runs: in three days some 700."""

    def __init__(self, total: int, unit: str, **options: Any) -> None:
        super().__init__(total=total, unit=unit, mininterval=SELDOM, **options)

    def update(self, n: float | None = 1) -> bool | None:
        """Count `n` more; whether that was shown."""
        shown = super().update(n)
        if shown:
            self.mininterval = max(SELDOM, PART * self.format_dict["elapsed"])
        return shown
