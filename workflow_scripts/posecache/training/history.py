"""What a run has measured: the epoch in hand, and history.csv's row of each finished one."""

import csv
import io
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from posecache.training.batch import Batch
from posecache.training.shares import Sum, itself

HISTORY = "history.csv"
FETCHED_EVERY = 5.0  # s: until then losses stay on their device, so that no step waits for it
VALIDATED = "val/"  # before a benchmark's name; such a column has values only where it was scored
# The last values of each step, after its loss parts.
LOSS, NORM, PREDICTED, EXPECTED = "loss", "grad_norm", "predicted", "expected"


@dataclass
class Tally:
    """Running totals of an epoch; `totals` are sums over its steps."""

    steps: int = 0
    samples: int = 0  # of all processes
    seconds: float = 0.0
    waited: float = 0.0  # s, for data
    totals: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pending: list[tuple[int, float, list[str], Tensor]] = []
        self.whole = self.steps == 0  # not begun by an earlier process
        self.resume()

    def resume(self) -> None:
        """Count time from now on."""
        self._since = time.perf_counter()

    def timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches, counted, with the time for which each was waited for."""
        while True:
            before = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waited += time.perf_counter() - before
            self.samples += batch.total
            yield batch

    def note(self, step: int, rate: float, values: Mapping[str, Tensor]) -> None:
        """One step's learning rate, loss parts and the four values after them, all scalars."""
        self.steps += 1
        stacked = torch.stack([value.detach() for value in values.values()])
        self._pending.append((step, rate, list(values), stacked))

    @property
    def due(self) -> bool:
        """Whether values have stayed on their device for long enough."""
        return time.perf_counter() - self._since >= FETCHED_EVERY

    def fetch(self, total: Sum = itself) -> None:
        """Add up what was noted; ValueError names the first step whose loss is not finite.

        `total` makes one process' values (steps, values) those of all.
        """
        if self._pending:
            rows = total(torch.stack([values for *_, values in self._pending])).tolist()
            for (step, rate, names, _), row in zip(self._pending, rows, strict=True):
                self._add(step, {"lr": rate, **dict(zip(names, row, strict=True))})
            self._pending.clear()
        self.seconds += time.perf_counter() - self._since
        self.resume()

    def _add(self, step: int, values: Mapping[str, float]) -> None:
        if not math.isfinite(values[LOSS] + values[NORM]):
            parts = {n: v for n, v in values.items() if n.startswith("L_")}
            norm = values[NORM]
            raise ValueError(f"step {step}: loss {parts}, gradient norm {norm}: not finite")
        for name, value in values.items():
            self.totals[name] = self.totals.get(name, 0.0) + value

    def row(self, epoch: int) -> dict[str, float]:
        """A finished epoch's row, counted from 0; `spread` is nan where no target varies."""
        row: dict[str, float] = {"epoch": epoch + 1, "step": (epoch + 1) * self.steps}
        row |= {n: total / self.steps for n, total in self.totals.items()}
        predicted, expected = row.pop(PREDICTED), row.pop(EXPECTED)
        row["spread"] = math.sqrt(predicted / expected) if expected else math.nan
        row |= {"seconds": self.seconds, "data_wait": self.waited}
        row["samples_per_s"] = self.samples / self.seconds
        return row

    def shown(self) -> dict[str, str]:
        """What the progress bar shows besides steps and time left."""
        loss = self.totals[LOSS] / self.steps
        return {"loss": f"{loss:.4f}", "samples/s": f"{self.samples / self.seconds:.0f}"}

    def record(self) -> dict[str, Any]:
        """What `Tally(**record)` needs."""
        assert not self._pending, "values that were not fetched"
        return asdict(self)


def as_csv(history: list[dict[str, float]]) -> str:
    """history.csv: a row an epoch, rounded to six digits after the point.

    A column is empty in the rows that lack it.
    """
    text = io.StringIO()
    names = dict.fromkeys(name for row in history for name in row)
    writer = csv.DictWriter(text, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: round(v, 6) for k, v in row.items()} for row in history)
    return text.getvalue()
