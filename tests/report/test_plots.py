"""What the page's plots draw."""

import re
from pathlib import Path

from posecache.models.cost import Cost
from posecache.report import plots
from posecache.report.numbers import Cell, Model, filled
from posecache.tables.sweeps import SweptTable


def test_the_front_is_better_than_all_that_costs_as_much_or_less() -> None:
    """By hand: 1 is beaten by 0 at its price, 3 by 2 which is cheaper, 4 only equals 2."""
    costs, values = [10.0, 10.0, 20.0, 30.0, 40.0, 50.0], [5.0, 4.0, 7.0, 6.0, 7.0, 8.0]
    assert plots.front(costs, values) == [0, 2, 5]
    assert plots.front([], []) == []


def test_names_that_would_lie_on_each_other_are_left_out() -> None:
    costs, values = [0.0, 5.0, 100.0], [0.0, 5.0, 100.0]
    assert plots.readable([0, 1, 2], costs, values) == [1, 2]
    assert plots.readable([0, 1, 2], costs, [0.0, 50.0, 100.0]) == [0, 1, 2]


def model(name: str, macs: int | None, value: float) -> Model:
    return Model(name, 1, 17, Cost(10**6, macs), {"b": Cell(value)})


def test_models_are_named_and_unknown_costs_are_parameters() -> None:
    found = plots.accuracy_against_cost([model("a", 10**6, 5), model("c", 10**7, 9)], {"b": "AP"})
    assert {">a</text>", ">c</text>", ">b: AP</text>"} <= set(re.findall(r">[^<>]*</text>", found))
    assert "million multiply-adds" in found
    found = plots.accuracy_against_cost([model("a", None, 5), model("c", 10**7, 9)], {"b": "AP"})
    assert "million parameters" in found


def test_a_sweeps_figure_is_drawn_from_its_table(tmp_path: Path) -> None:
    swept = SweptTable(
        title="S by alpha", keys=["alpha"], rows={"s.alpha=0.1": ["0.1"], "s.alpha=0.9": ["0.9"]},
        columns={"AP": ("b", "AP")}, by="AP",
    )  # fmt: skip
    table = "alpha,ours,AP,best\n0.1,s.alpha=0.1,40.0,False\n0.9,s.alpha=0.9,44.0,True\n"
    (tmp_path / "t.csv").write_text(table)
    found = plots.sweep(swept, tmp_path / "t.csv", "t")
    assert {">0.1</text>", ">0.9</text>", ">alpha</text>"} <= set(
        re.findall(r">[^<>]*</text>", found)
    )
    named = filled("t", swept.table(), tmp_path / "t.csv")
    assert [cells[0].best for _, cells in named.rows] == [False, True]


def history(folder: Path, epochs: int) -> Path:
    folder.mkdir(parents=True)
    lines = [f"{n},{1 / n},{n if n == 7 else ''}" for n in range(1, epochs + 1)]
    (folder / "history.csv").write_text("\n".join(["epoch,loss,val/b", *lines]))
    return folder


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = plots.read_history(history(tmp_path / "a", 8) / "history.csv")
    assert rows[0] == {"epoch": 1, "loss": 1}
    assert rows[6] == {"epoch": 7, "loss": 1 / 7, "val/b": 7}


def test_long_curves_are_thinned_to_their_last_epoch(tmp_path: Path) -> None:
    rows = plots.thinned(plots.read_history(history(tmp_path / "a", 1000) / "history.csv"))
    epochs = [row["epoch"] for row in rows]
    assert len(epochs) <= plots.MOST_EPOCHS + 1
    assert epochs[-1] == 1000
    assert 7 in epochs  # it was validated


def test_figures_have_the_pages_colour_and_parts_of_their_own(tmp_path: Path) -> None:
    folders = [history(tmp_path / name, 9) for name in ("a", "b")]
    one, other = (plots.curves(folders, name) for name in ("one", "other"))
    assert "currentColor" in one
    assert plots.INK not in one
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (one, other)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
    named = set(re.findall(r'(?:url\(|href=")#([^")]+)', one))
    assert named <= ids[0]
