"""Marginals of heat maps against hand-worked places and the whole distribution."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posecache import simcc
from posecache.models import heatmap
from posecache.models.settings import Heatmap

SIZE = (192, 256)  # input (width, height) px
CELLS = (48, 64)
HRNET = Heatmap(udp=False, shift=True, softmax=None)
PLAIN = Heatmap(udp=False, softmax=None)
VITPOSE = Heatmap(udp=True, softmax=None)
ALL = (HRNET, PLAIN, VITPOSE)
CLOSE = 0.5  # input px: a bin, which is an eighth of a cell
SHARP = [how.model_copy(update={"softmax": 30.0}) for how in ALL]


def gaussian(x: float, y: float, peak: float = 1.0) -> torch.Tensor:
    """A map (1, 1, h, w) as networks are trained to give: sigma 2, its middle at cell (x, y)."""
    across, down = (np.arange(cells) - at for cells, at in zip(CELLS, (x, y), strict=True))
    return torch.from_numpy(peak * np.exp(-(down[:, None] ** 2 + across**2) / 8)).float()[
        None, None
    ]


def found(maps: torch.Tensor, how: Heatmap, flipped: bool = False) -> tuple[np.ndarray, float]:
    """The keypoint (2,) in input px and its score."""
    places, scores = simcc.decode(*heatmap.to_logits(maps, how, SIZE, flipped=flipped))
    return places[0, 0].numpy(), float(scores[0, 0])


@pytest.mark.parametrize(
    ("how", "cell", "expected"),
    [
        (PLAIN, (0, 0), (0, 0)),
        (PLAIN, (1, 10), (4, 40)),
        (PLAIN, (47, 63), (188, 252)),
        (VITPOSE, (0, 0), (0, 0)),
        (VITPOSE, (1, 10), (191 / 47, 10 * 255 / 63)),
        (VITPOSE, (47, 63), (191, 255)),
        (PLAIN, (20.25, 30.5), (81, 122)),  # between cells
        (VITPOSE, (20.25, 30.5), (20.25 * 191 / 47, 30.5 * 255 / 63)),
    ],
)
@pytest.mark.parametrize("softmax", [None, 30.0])
def test_a_cell_lies_where_its_convention_puts_it(
    how: Heatmap, cell: tuple[float, float], expected: tuple[float, float], softmax: float | None
) -> None:
    places, _ = found(gaussian(*cell), how.model_copy(update={"softmax": softmax}))
    np.testing.assert_allclose(places, expected, atol=CLOSE)


@given(st.floats(2, 45), st.floats(2, 61), st.sampled_from([*ALL, *SHARP]))
def test_a_gaussian_keeps_its_middle(x: float, y: float, how: Heatmap) -> None:
    places, score = found(gaussian(x, y), how)
    steps = [heatmap.cell_step(side, n, how) for side, n in zip(SIZE, CELLS, strict=True)]
    np.testing.assert_allclose(places, np.multiply([x, y], steps), atol=CLOSE)
    assert score == gaussian(x, y).max()


@pytest.mark.parametrize(("how", "expected"), [(PLAIN, 1.5), (HRNET, -0.5), (VITPOSE, 0)])
def test_how_far_the_mean_leans(how: Heatmap, expected: float) -> None:
    """The middle of cell i, 4 i, of the mirrored crop is 191 - 4 i, which is 3 px right of a cell.

    Brought back as it stands it lies 3 px too far left, moved by a cell 1 px too far right.
    """
    assert heatmap.lean(192, 48, how) == pytest.approx(expected)


@pytest.mark.parametrize("how", [*ALL, *SHARP])
def test_mirrored_maps_meet_where_the_keypoint_is(how: Heatmap) -> None:
    step = heatmap.cell_step(192, 48, how)
    for x in (30.0, 81.3, 160.9):
        straight, mirrored = gaussian(x / step, 30), gaussian((191 - x) / step, 30)
        mean = (straight + heatmap.flip_back(mirrored, [], how)) / 2
        places, _ = found(mean, how, flipped=True)
        assert places[0] == pytest.approx(x, abs=0.35)


def test_what_comes_back_of_the_mirrored_crop() -> None:
    maps = torch.tensor([[[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]])
    back = heatmap.flip_back(maps, [(0, 1)], PLAIN)
    assert back.tolist() == [[[[6, 5, 4]], [[3, 2, 1]]]]
    shifted = heatmap.flip_back(maps, [(0, 1)], HRNET)
    assert shifted.tolist() == [[[[6, 6, 5]], [[3, 3, 2]]]]


@pytest.mark.parametrize("softmax", [None, 5.0])
def test_the_logits_are_the_marginals_where_cells_lie_on_bins(softmax: float | None) -> None:
    rng = np.random.default_rng(0)
    maps = torch.from_numpy(rng.uniform(-0.1, 1, (2, 3, 64, 48))).float()
    whole = maps.clamp_min(0) if softmax is None else (softmax * maps.flatten(2)).softmax(-1)
    whole = whole.reshape(maps.shape)
    how = PLAIN.model_copy(update={"softmax": softmax})
    for logits, axis in zip(heatmap.to_logits(maps, how, SIZE), (2, 3), strict=True):
        assert logits.shape == (2, 3, 384 if axis == 2 else 512)
        at_cells = torch.softmax(10 * logits[..., ::8], -1)
        marginal = whole.sum(axis)
        expected = marginal / marginal.sum(-1, keepdim=True)
        torch.testing.assert_close(at_cells, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("how", [HRNET, SHARP[2]])
def test_the_score_is_the_largest_cell_and_nothing_is_no_keypoint(how: Heatmap) -> None:
    assert found(gaussian(20, 30, peak=0.4), how)[1] == pytest.approx(0.4)
    for empty in (torch.zeros(1, 1, 64, 48), torch.full((1, 1, 64, 48), -0.2)):
        logits = heatmap.to_logits(empty, how, SIZE)
        assert all(axis.isfinite().all() for axis in logits)
        places, score = found(empty, how)
        assert (places.tolist(), score) == ([-0.5, -0.5], float(empty.max()))


def test_a_single_cell_stays_finite() -> None:
    """Its logarithm falls no further than a SimCC label does."""
    spike = torch.zeros(1, 1, 64, 48)
    spike[0, 0, 10, 20] = 1
    x, y = heatmap.to_logits(spike, PLAIN, SIZE)
    assert (int(x.argmax()), int(y.argmax())) == (160, 80)
    assert float(x[..., ::8].min()) == pytest.approx(0, abs=1e-6)


def test_marginals_find_what_the_largest_cell_does() -> None:
    """With noise, and a weaker second keypoint in every map; within 2 px they find far more."""
    rng, count = np.random.default_rng(0), 1000
    truth, other = rng.uniform(2, (45, 61), (2, count, 2))
    peaks = rng.uniform(0.2, 1, count)
    one, two = (torch.cat([gaussian(*at) for at in places]) for places in (truth, other))
    weights = torch.from_numpy(np.stack([peaks, peaks * rng.uniform(0, 0.9, count)])).float()
    maps = (weights[0, :, None, None] * one[:, 0] + weights[1, :, None, None] * two[:, 0])[None]
    maps += torch.from_numpy(rng.normal(0, 0.01, maps.shape)).float()
    cells = maps.flatten(2).argmax(-1)
    largest = 4 * torch.stack([cells % 48, cells // 48], -1)
    places, _ = simcc.decode(*heatmap.to_logits(maps, Heatmap(udp=False), SIZE))
    for reach, gain in ((8, -0.005), (2, 0.2)):
        own, ours = (
            float(((at[0] - torch.from_numpy(4 * truth)).norm(dim=-1) <= reach).double().mean())
            for at in (largest, places)
        )
        assert ours >= own + gain
