"""A training run's curves: its losses and validation scores by epoch.

A history has one row an epoch, as `history.csv`: `epoch`, and numbers by name; a row may lack some.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from posecache import files
from posecache.report.figures import as_png
from posecache.training.history import LOSS, VALIDATED

PICTURE, EVENTS = "curves.png", "tensorboard"
PART = "L_"  # begins the names of the loss's unweighted parts

History: TypeAlias = Sequence[Mapping[str, float]]


class Curves:
    """Keeps curves.png in a model's folder, and on demand event files for TensorBoard beside it."""

    def __init__(self, folder: Path, *, tensorboard: bool = False) -> None:
        """Raises ValueError if TensorBoard is asked for and not installed."""
        if tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise ValueError("training.tensorboard: needs a package: pip install tensorboard")
        self.folder, self.tensorboard = folder, tensorboard
        self._events: Any = None
        self._told: set[tuple[float, str]] = set()  # to TensorBoard, by epoch and name

    def show(self, history: History) -> None:
        """Bring the files up to date with a run's whole history."""
        files.write_atomically(self.folder / PICTURE, as_png(draw(history)))
        if self.tensorboard:
            self._tell(history)

    def _tell(self, history: History) -> None:
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter

            # What an earlier process has told, of epochs that were taken again, is not shown.
            self._events = SummaryWriter(self.folder / EVENTS, purge_step=0)
        for row in history:
            for name in row.keys() - {"epoch"}:
                if (row["epoch"], name) not in self._told:
                    self._events.add_scalar(name, row[name], row["epoch"])
                    self._told.add((row["epoch"], name))
        self._events.flush()


def draw(history: History, others: Sequence[History] = ()) -> Figure:
    """The loss and its unweighted parts; below it the scores on each benchmark.

    Of the student's other runs, the loss and the scores are drawn faintly.
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    losses = [name for name in names if name == LOSS or name.startswith(PART)]
    scores = [name for name in names if name.startswith(VALIDATED)]
    panels = {"loss": losses} | ({"score": scores} if scores else {})
    figure = Figure(figsize=(8, 4 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for panel, (what, shown) in zip(axes, panels.items(), strict=True):
        for name in shown:
            line = _plot(panel, history, name, marker=".", label=name.removeprefix(VALIDATED))
            for other in others if not name.startswith(PART) else ():
                _plot(panel, other, name, color=line.get_color(), alpha=0.35)
        panel.set_ylabel(what)
        panel.grid(alpha=0.3)
        panel.legend()
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _plot(panel: Axes, history: History, name: str, **style: Any) -> Line2D:
    """One curve, through the epochs that have a value."""
    rows = [row for row in history if name in row]
    epochs, values = [row["epoch"] for row in rows], [row[name] for row in rows]
    (line,) = panel.plot(epochs, values, **style)
    return line
