"""A sweep's figure: a panel for each number, with means and standard deviations over seeds.

One swept key makes a line over its values, two a grid, more a row for each combination. The best is
marked with a star.
"""

from collections.abc import Sequence
from math import ceil, nan
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posecache.tables.sweeps import SweptTable
from posecache.tables.table import BEST, spread_of

LOG_FROM = 20  # largest value over smallest, from which the axis is logarithmic
ACROSS = 3  # panels in a row
STAR: dict[str, Any] = {
    "marker": "*",
    "markersize": 16,
    "color": "tab:red",
    "linestyle": "none",
    "zorder": 3,
}


def draw(sweep: SweptTable, frame: pd.DataFrame) -> Figure:
    """The figure of a sweep's finished table, `frame`."""
    headings, paint = list(sweep.columns), _PAINTERS.get(len(sweep.keys), _rows)
    across = min(ACROSS, len(headings))
    down = ceil(len(headings) / across)
    tall = 4.0 if len(sweep.keys) < 3 else 1.5 + 0.3 * len(frame)
    figure = Figure(figsize=(5 * across, tall * down), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for panel, heading in zip(panels, headings, strict=False):
        spread = frame.get(spread_of(heading), pd.Series(nan, frame.index))
        paint(panel, sweep.keys, frame, frame[heading].to_numpy(), spread.to_numpy())
        panel.set_title(f"{heading} (★: the best by this)" if heading == sweep.by else heading)
    for panel in panels[len(headings) :]:
        panel.set_axis_off()
    figure.suptitle(sweep.title)
    return figure


def _line(
    panel: Axes, keys: Sequence[str], frame: pd.DataFrame, means: np.ndarray, spreads: np.ndarray
) -> None:
    """Means (N,) over the values of the one key, in order of size if they are numbers."""
    (key,) = keys
    values = pd.to_numeric(frame[key], errors="coerce").to_numpy()
    numbers = not np.isnan(values).any()
    places = values if numbers else np.arange(len(frame))
    order, best = np.argsort(places), frame[BEST].to_numpy()
    panel.errorbar(places[order], means[order], spreads[order], marker="o", capsize=4)
    panel.plot(places[best], means[best], **STAR)
    if numbers and values.min() > 0 and values.max() / values.min() >= LOG_FROM:
        panel.set_xscale("log")
    panel.set_xticks(places, frame[key])
    panel.minorticks_off()
    panel.set_xlabel(key)
    panel.grid(alpha=0.3)


def _grid(
    panel: Axes, keys: Sequence[str], frame: pd.DataFrame, means: np.ndarray, spreads: np.ndarray
) -> None:
    """Means (N,) as colours and numbers, the first key's values downwards."""
    (rows, down), (columns, across) = (pd.factorize(frame[key]) for key in keys)
    image = np.full((len(down), len(across)), nan)
    image[rows, columns] = means
    panel.imshow(image, cmap="Blues", aspect="auto")
    middle = np.nanmean([np.nanmin(means), np.nanmax(means)]) if np.isfinite(means).any() else nan
    for place in range(len(frame)):
        color = "white" if means[place] > middle else "black"
        told = _told(means[place], spreads[place]) + (" ★" if frame[BEST].iloc[place] else "")
        panel.text(columns[place], rows[place], told, ha="center", va="center", color=color)
    panel.set_yticks(range(len(down)), down)
    panel.set_xticks(range(len(across)), across)
    panel.set_ylabel(keys[0])
    panel.set_xlabel(keys[1])


def _rows(
    panel: Axes, keys: Sequence[str], frame: pd.DataFrame, means: np.ndarray, spreads: np.ndarray
) -> None:
    """Means (N,) along x, a combination of the keys' values below the other."""
    places, best = np.arange(len(frame)), frame[BEST].to_numpy()
    panel.errorbar(means, places, xerr=spreads, marker="o", linestyle="none", capsize=4)
    panel.plot(means[best], places[best], **STAR)
    labels = [", ".join(values) for values in frame[list(keys)].itertuples(index=False)]
    panel.set_yticks(places, labels)
    panel.set_ylabel(", ".join(keys))
    panel.invert_yaxis()
    panel.grid(alpha=0.3)


def _told(mean: float, spread: float) -> str:
    return f"{mean:.1f}" if np.isnan(spread) else f"{mean:.1f} ± {spread:.1f}"


_PAINTERS: dict[int, Any] = {1: _line, 2: _grid}
