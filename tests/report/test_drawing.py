import numpy as np

from posecache import skeletons
from posecache.report.drawing import MARKED, PLAIN, draw

SKELETON = skeletons.parse(
    {"keypoints": ["a", "b", "c"], "sigmas": [0.1] * 3, "links": [["a", "b"], ["b", "c"]]}, "s", "s"
)
POINTS = np.array([[[10.0, 10], [30, 10], [30, 30]]])


def drawn(seen: list[bool], marked: tuple[str, ...] = ()) -> np.ndarray:
    return draw(np.zeros((40, 40, 3), np.uint8), POINTS, np.array([seen]), SKELETON, marked)


def has(found: np.ndarray, x: int, y: int, color: tuple[int, int, int]) -> bool:
    """Whether a pixel has a colour, up to what smooth edges blend in."""
    return bool(np.abs(found[y, x].astype(int) - color).max() < 40)


def test_keypoints_and_links_lie_where_they_are() -> None:
    found = drawn([True, True, True])
    for x, y in ((10, 10), (20, 10), (30, 10), (30, 20), (30, 30)):
        assert has(found, x, y, PLAIN)
    assert not found[25, 15].any()


def test_what_is_not_seen_is_not_drawn() -> None:
    found = drawn([True, False, True])
    assert has(found, 10, 10, PLAIN)
    assert not found[10, 30].any()
    assert not found[10, 20].any()


def test_marked_keypoints_and_their_links_are_red() -> None:
    found = drawn([True, True, True], ("c",))
    assert has(found, 20, 10, PLAIN)
    assert has(found, 30, 20, MARKED)
    assert has(found, 30, 30, MARKED)


def test_lines_are_as_thick_as_is_asked_for() -> None:
    picture, seen = np.zeros((40, 40, 3), np.uint8), np.ones((1, 3), bool)
    thin, thick = (draw(picture, POINTS, seen, SKELETON, (), n)[:8].any() for n in (1, 7))
    assert (thin, thick) == (False, True)


def test_the_picture_itself_stays() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    draw(picture, POINTS, np.ones((1, 3), bool), SKELETON)
    assert not picture.any()
