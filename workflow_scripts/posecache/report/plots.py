"""Plots of the page: SVG that takes the page's text colour, so that it suits light and dark."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posecache.report import sweeps
from posecache.report.curves import History, draw
from posecache.report.numbers import Model
from posecache.tables.sweeps import SweptTable
from posecache.training.history import HISTORY

INK = "#010203"  # stands for the page's text colour
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
    "legend.framealpha": 0, "legend.fontsize": 8, "figure.facecolor": "none",
    "axes.facecolor": "none", "grid.color": "#888888", "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
}  # fmt: skip
MOST_EPOCHS = 120  # of a curve: more are thinned out, evenly
CLOSE = 0.12  # of an axis: closer points have one name
FRONT, OTHERS = "#d55e00", "#888888"


def curves(folders: Sequence[Path], name: str) -> str:
    """The curves of a student's first run, and of its others faintly, by their folders."""
    first, *others = (thinned(read_history(folder / HISTORY)) for folder in folders)
    with matplotlib.rc_context(STYLE):
        return as_svg(draw(first, others), f"curves-{name}")


def sweep(table: SweptTable, path: Path, name: str) -> str:
    """A sweep's figure, from the CSV of its table."""
    with matplotlib.rc_context(STYLE):
        frame = pd.read_csv(path, dtype=dict.fromkeys(table.keys, str), keep_default_na=False)
        return as_svg(sweeps.draw(table, frame), name)


def read_history(path: Path) -> History:
    """A run's history.csv."""
    with path.open(newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]


def thinned(history: History) -> History:
    """At most MOST_EPOCHS of a history's rows, its last one among them; rows with scores stay."""
    step = -(-len(history) // MOST_EPOCHS)
    names = {name for row in history for name in row} - set(history[0] if history else ())
    last = len(history) - 1
    return [row for n, row in enumerate(history) if (last - n) % step == 0 or names & row.keys()]


def accuracy_against_cost(models: Sequence[Model], benchmarks: Mapping[str, str]) -> str:
    """A panel for each of the `benchmarks`, which are given with their headline number's name."""
    with matplotlib.rc_context(STYLE):
        across = 3 if len(benchmarks) == 3 else min(len(benchmarks), 2)
        down = -(-len(benchmarks) // across)
        figure = Figure(figsize=(4.2 * across, 3.4 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel, (benchmark, number) in zip(panels, benchmarks.items(), strict=False):
            _against_cost(panel, [m for m in models if benchmark in m.scores], benchmark)
            panel.set_title(f"{benchmark}: {number}", fontsize=10, loc="left")
        for panel in panels[len(benchmarks) :]:
            panel.set_axis_off()
        return as_svg(figure, "cost")


def _against_cost(panel: Axes, models: Sequence[Model], benchmark: str) -> None:
    """Each model's headline number over its multiply-adds, or parameters if these are unknown.

    A line joins those that are better than all that cost as much or less.
    """
    counted = all(model.cost.macs is not None for model in models)
    costs = [((counted and m.cost.macs) or m.cost.parameters) / 1e6 for m in models]
    cells = [model.scores[benchmark] for model in models]
    means, spreads = [cell.value or 0 for cell in cells], [cell.spread or 0 for cell in cells]
    panel.errorbar(costs, means, spreads, fmt="o", color=OTHERS, markersize=4, capsize=2)
    best = front(costs, means)
    panel.plot([costs[n] for n in best], [means[n] for n in best], "o-", color=FRONT)
    for n in readable(best, costs, means):
        panel.annotate(
            models[n].name, (costs[n], means[n]), xytext=(2, 6), textcoords="offset points",
            rotation=28, rotation_mode="anchor",
        )  # fmt: skip
    panel.set_xlabel("million multiply-adds a crop" if counted else "million parameters")
    panel.margins(x=0.22, y=0.28)
    panel.grid(alpha=0.3)


def front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Places of what is better than all that costs as much or less, the cheapest first."""
    found: list[int] = []
    for n in sorted(range(len(costs)), key=lambda n: (costs[n], -values[n])):
        if not found or values[n] > values[found[-1]]:
            found.append(n)
    return found


def readable(places: Sequence[int], costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Places without those whose name would lie on that of the next better one."""
    near = [CLOSE * ((max(axis) - min(axis)) or 1) for axis in (costs, values)]
    return [
        n
        for n, following in zip_longest(places, places[1:])
        if following is None
        or costs[following] - costs[n] > near[0]
        or values[following] - values[n] > near[1]
    ]


def as_svg(figure: Figure, name: str) -> str:
    """A figure as SVG to stand in the page; `name` tells its parts from other figures'."""
    content = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' width="[^"]*pt"', "", re.sub(r' height="[^"]*pt"', "", text, count=1), count=1)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
