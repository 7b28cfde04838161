"""What a run's curves show, in the picture and to TensorBoard."""

import importlib.util
from pathlib import Path

import cv2
import pytest

from posecache.report.curves import Curves, draw

# TensorBoard's own code uses parts of NumPy and of the standard library that are deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HISTORY: list[dict[str, float]] = [
    {"epoch": 1, "lr": 0.1, "L_CK": 3.0, "L_D/a": 2.0, "loss": 2.5, "spread": 0.5},
    {"epoch": 2, "lr": 0.1, "L_CK": 2.0, "L_D/a": 1.5, "loss": 1.75, "spread": 0.5,
     "val/coco": 40.0},
    {"epoch": 3, "lr": 0.0, "L_CK": 1.5, "L_D/a": 1.0, "loss": 1.25, "spread": 0.5},
    {"epoch": 4, "lr": 0.0, "L_CK": 1.0, "L_D/a": 0.5, "loss": 0.75, "spread": 0.5,
     "val/coco": 45.0},
]  # fmt: skip


def test_losses_and_scores_have_a_panel_each() -> None:
    panels = [
        {line.get_label(): [tuple(p) for p in line.get_xydata()] for line in axes.get_lines()}
        for axes in draw(HISTORY).axes
    ]
    assert panels == [
        {
            "L_CK": [(1, 3.0), (2, 2.0), (3, 1.5), (4, 1.0)],
            "L_D/a": [(1, 2.0), (2, 1.5), (3, 1.0), (4, 0.5)],
            "loss": [(1, 2.5), (2, 1.75), (3, 1.25), (4, 0.75)],
        },
        {"coco": [(2, 40.0), (4, 45.0)]},
    ]


def test_a_run_that_was_not_validated_shows_its_losses_alone() -> None:
    (panel,) = draw(HISTORY[:1]).axes
    assert [line.get_label() for line in panel.get_lines()] == ["L_CK", "L_D/a", "loss"]


def test_other_runs_are_faint_and_without_their_parts() -> None:
    loss, scores = draw(HISTORY, [HISTORY[:2]]).axes
    faint = [line for panel in (loss, scores) for line in panel.get_lines() if line.get_alpha()]
    assert [[tuple(p) for p in line.get_xydata()] for line in faint] == [
        [(1, 2.5), (2, 1.75)], [(2, 40.0)],
    ]  # fmt: skip
    colors = {line.get_label(): line.get_color() for line in loss.get_lines()}
    assert faint[0].get_color() == colors["loss"]


def test_the_picture_is_made_anew_each_time(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    curves.show(HISTORY[:1])
    first = (tmp_path / "curves.png").read_bytes()
    curves.show(HISTORY)
    assert (tmp_path / "curves.png").read_bytes() != first
    assert cv2.imread(str(tmp_path / "curves.png")).shape == (800, 800, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


@pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is not None, reason="TensorBoard is installed"
)
def test_without_tensorboard_it_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pip install tensorboard"):
        Curves(tmp_path, tensorboard=True)


def test_tensorboard_is_told_each_number_once_in_spite_of_a_restart(tmp_path: Path) -> None:
    """The second process goes on after epoch 2, which is validated only then."""
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    unscored = {name: value for name, value in HISTORY[1].items() if name != "val/coco"}
    first = Curves(tmp_path, tensorboard=True)
    first.show(HISTORY[:1])
    first.show([HISTORY[0], unscored, HISTORY[2]])
    second = Curves(tmp_path, tensorboard=True)
    second.show([HISTORY[0], unscored])
    second.show(HISTORY[:2])
    second.show(HISTORY)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert set(found.Tags()["scalars"]) == set(HISTORY[1]) - {"epoch"}
    losses = [(event.step, event.value) for event in found.Scalars("loss")]
    assert losses == [(1, 2.5), (2, 1.75), (3, 1.25), (4, 0.75)]
    assert [(e.step, e.value) for e in found.Scalars("val/coco")] == [(2, 40.0), (4, 45.0)]
