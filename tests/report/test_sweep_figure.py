"""What a sweep's figure shows of its table."""

from itertools import product

import cv2
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from posecache.report.figures import as_png
from posecache.report.sweeps import draw
from posecache.tables.sweeps import SweptTable


def swept(means: list[float], spreads: list[float] | None = None, **keys: list[str]) -> list[Axes]:
    """The panels of a sweep whose AP is `means`, and whose AR is their half."""
    rows = list(product(*keys.values()))
    sweep = SweptTable(
        title="Mine",
        keys=list(keys),
        rows={f"m{place}": list(values) for place, values in enumerate(rows)},
        columns={"AP": ("coco", "AP"), "AR": ("coco", "AR")},
        by="AP",
    )
    frame = pd.DataFrame(rows, columns=pd.Index(keys))
    frame["AP"] = means
    frame["AR"] = frame["AP"] / 2
    if spreads is not None:
        frame["AP_sd"], frame["AR_sd"] = spreads, spreads
    frame["best"] = frame["AP"] == frame["AP"].max()
    figure = draw(sweep, frame)
    picture = cv2.imdecode(np.frombuffer(as_png(figure), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.std() > 0
    return figure.axes


def points(panel: Axes, line: int) -> list[list[float]]:
    found: list[list[float]] = panel.get_lines()[line].get_xydata().tolist()
    return found


def test_one_key_is_a_line_over_its_values_in_order() -> None:
    ap, ar = swept([40.0, 30.0, 35.0], [1.0, 2.0, 3.0], alpha=["0.5", "0.1", "0.3"])
    assert points(ap, 0) == [[0.1, 30], [0.3, 35], [0.5, 40]]
    ends = [segment.tolist() for segment in ap.collections[0].get_segments()]  # type: ignore[attr-defined]
    assert ends == [[[0.1, 28], [0.1, 32]], [[0.3, 32], [0.3, 38]], [[0.5, 39], [0.5, 41]]]
    assert points(ap, -1) == [[0.5, 40]]
    assert points(ar, -1) == [[0.5, 20]]
    assert (ap.get_title(), ar.get_title()) == ("AP (★: the best by this)", "AR")
    assert (ap.get_xscale(), ap.get_xlabel()) == ("linear", "alpha")


@pytest.mark.parametrize(
    ("values", "places", "scale"),
    [
        (["0.001", "0.01", "0.1"], [0.001, 0.01, 0.1], "log"),
        (["0", "0.01", "1"], [0, 0.01, 1], "linear"),
        (["none", "peak", "null"], [0, 1, 2], "linear"),
    ],
)
def test_the_axis_suits_the_values(values: list[str], places: list[float], scale: str) -> None:
    ap, _ = swept([1.0, 3.0, 2.0], lr=values)
    assert [x for x, _ in points(ap, 0)] == places
    assert ap.get_xscale() == scale
    assert [label.get_text() for label in ap.get_xticklabels()] == values


def test_two_keys_are_a_grid_of_numbers() -> None:
    keys = {"alpha": ["0.1", "0.3"], "lr": ["1", "2", "3"]}
    ap, ar = swept([1, 2, 3, 4, 6, 5], [0.5] * 6, **keys)
    (image,) = ap.get_images()
    assert np.asarray(image.get_array()).tolist() == [[1, 2, 3], [4, 6, 5]]
    told = {text.get_position(): text.get_text() for text in ap.texts}
    assert told[0, 0] == "1.0 ± 0.5"
    assert told[1, 1] == "6.0 ± 0.5 ★"
    assert ar.texts[-1].get_text() == "2.5 ± 0.5"
    assert [label.get_text() for label in ap.get_yticklabels()] == keys["alpha"]
    assert [label.get_text() for label in ap.get_xticklabels()] == keys["lr"]


def test_more_keys_have_a_row_for_each_combination() -> None:
    ap, _ = swept([1.0, 4.0, 2.0, 3.0], a=["x", "y"], b=["1"], c=["p", "q"])
    assert points(ap, 0) == [[1, 0], [4, 1], [2, 2], [3, 3]]
    assert points(ap, -1) == [[4, 1]]
    labels = [label.get_text() for label in ap.get_yticklabels()]
    assert labels == ["x, 1, p", "x, 1, q", "y, 1, p", "y, 1, q"]


def test_a_number_that_nobody_has_leaves_its_panel_empty() -> None:
    nan = float("nan")
    assert len(swept([nan, nan], alpha=["0.1", "0.3"])) == 2
    ap, _ = swept([nan, nan], alpha=["0.1"], lr=["1", "2"])
    assert [text.get_text() for text in ap.texts] == ["nan", "nan"]
