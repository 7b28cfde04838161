"""The report page in a real browser: opened as a file, without a network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import page
import pandas as pd
import pytest
from playwright.sync_api import Browser

from browser import Watched, browser
from conftest import Workdir

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def made(finished: Workdir) -> Path:
    return page.made(finished)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(chromium: Browser, made: Path) -> Iterator[Watched]:
    """The page on a desk, which must not complain or ask for anything."""
    context = chromium.new_context(viewport=DESK, offline=True)
    watched = Watched(context.new_page(), made)
    yield watched
    context.close()
    assert watched.complaints == []
    assert watched.asked <= {"file", "data"}


def state(opened: Watched) -> tuple[str, str]:
    """The person and the keypoint that the inspector shows."""
    shown = [opened.page.locator(f"#{name} option:checked").inner_text()
             for name in ("person", "keypoint")]  # fmt: skip
    caption = opened.page.locator("#said caption").inner_text()
    assert caption == f"{shown[1]}, {shown[0]}"
    return shown[0], shown[1]


def test_its_tables_are_the_scores(opened: Watched, finished: Workdir) -> None:
    frame = pd.read_csv(finished.path / page.FOLDER / "tables" / "table1.csv")
    rows = opened.page.locator("#table1 tbody tr")
    assert rows.count() == len(frame)
    for place, record in enumerate(frame.to_dict("records")):
        cells = rows.nth(place).locator("td.n")
        first = cells.first.inner_text().split()
        expected = (f"{record[f'{kind}mpii_pck']:{sign}.2f}" for kind, sign in
                    (("", ""), ("published_", ""), ("difference_", "+")))  # fmt: skip
        assert first == list(expected)
        assert rows.nth(place).locator("td").nth(1).inner_text() == record["ours"]


def test_arrow_keys_walk_through_people_and_keypoints(opened: Watched) -> None:
    people = opened.page.locator("#person option").all_inner_texts()
    names = opened.page.locator("#keypoint option").all_inner_texts()
    assert len(people) == len(set(people)) == 8 + 8 + 3 + 3
    assert len(names) == 21
    person, keypoint = (place.index(now) for place, now in
                        zip((people, names), state(opened), strict=True))  # fmt: skip
    figure = opened.page.locator("#figure")
    figure.focus()
    figure.press("ArrowRight")
    assert state(opened) == (people[(person + 1) % 22], names[keypoint])
    assert figure.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
    figure.press("ArrowLeft")
    figure.press("ArrowDown")
    assert state(opened) == (people[person], names[(keypoint + 1) % 21])
    for _ in range(2):
        figure.press("ArrowUp")
    assert state(opened) == (people[person], names[(keypoint - 1) % 21])


def in_crop(person: Any, model: str) -> np.ndarray:
    """A model's keypoints (K, 2) in px of the student's crop."""
    matrix, points = np.array(person["matrix"]), np.array(person["models"][model]["keypoints"])
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_a_click_chooses_the_nearest_keypoint(opened: Watched, made: Path) -> None:
    person = page.data(made)["people"][8]
    opened.page.select_option("#person", index=8)
    crop = opened.page.locator("#figure image")
    size, box = np.array(person["size"]), crop.bounding_box()
    assert box is not None
    chosen = set()
    for share in ((0.5, 0.1), (0.2, 0.9), (0.9, 0.6)):
        place = np.multiply(share, size) - 0.5  # a crop's first px lies around 0
        away = np.linalg.norm(in_crop(person, "unified-t") - place, axis=-1)
        crop.click(position={"x": share[0] * box["width"], "y": share[1] * box["height"]})
        found = int(opened.page.locator("#keypoint").input_value())
        assert away[found] <= away.min() + 0.5
        chosen.add(found)
    assert len(chosen) > 1


def test_each_model_has_its_curves_and_its_numbers(opened: Watched, made: Path) -> None:
    """The highest point of the student's curve stands over its circle."""
    data: Any = page.data(made)
    opened.page.select_option("#person", index=8)
    opened.page.select_option("#keypoint", label="left wrist")
    person, wrist = data["people"][8], data["keypoints"].index("left_wrist")
    assert set(person["models"]) == {"teacher-coco", "teacher-mpii", "unified-t"}
    for model, said in person["models"].items():
        row = opened.page.locator("#said tr", has_text=model)
        x, y = said["keypoints"][said["of"][wrist]]
        assert row.locator("td").all_inner_texts()[:2] == [f"{x:.1f}", f"{y:.1f}"]
        for axis in ("x", "y"):
            assert len(curve(opened, model, axis)) == said[axis]["bins"]
    top = curve(opened, "unified-t", "x")
    highest = top[top[:, 1].argmin(), 0]
    scale = 360 / person["size"][0]
    expected = (in_crop(person, "unified-t")[wrist, 0] + 0.5) * scale
    assert highest == pytest.approx(expected, abs=0.02 * scale)
    circle = opened.page.locator('circle[data-model="unified-t"]')
    assert float(circle.get_attribute("cx") or "nan") == pytest.approx(highest, abs=0.02 * scale)


def curve(opened: Watched, model: str, axis: str) -> np.ndarray:
    """The points (bins, 2) of a model's curve in px of the figure."""
    line = opened.page.locator(f'polyline[data-model="{model}"][data-axis="{axis}"]')
    points = (line.get_attribute("points") or "").split()
    return np.array([list(map(float, point.split(","))) for point in points])


def test_a_button_of_a_case_opens_it_in_the_inspector(opened: Watched) -> None:
    case = opened.page.locator(".case").nth(5)
    case.locator("button").click()
    title = case.locator("img").first.get_attribute("alt") or ""
    assert title.endswith(state(opened)[0])
    assert opened.page.evaluate("document.activeElement.id") == "figure"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_scrolls_sideways(chromium: Browser, made: Path, scheme: Any) -> None:
    context = chromium.new_context(viewport=PHONE, color_scheme=scheme, offline=True)
    watched = Watched(context.new_page(), made)
    width = watched.page.evaluate("document.documentElement.scrollWidth")
    colors = [watched.page.evaluate(f"getComputedStyle(document.body).{name}")
              for name in ("backgroundColor", "color")]  # fmt: skip
    light = [sum(map(int, color[4:-1].split(","))) / 3 for color in colors]
    context.close()
    assert width <= PHONE["width"]
    assert (light[0] > light[1]) == (scheme == "light")
    assert abs(light[0] - light[1]) > 150
    assert watched.complaints == []
