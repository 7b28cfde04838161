import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posecache import geometry, simcc

SIZE = (48, 64)
IDENTITY = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], dtype=torch.float64)


def peaked_logits(seed: int, keypoints: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Peaked logits, somewhat noisy, as a trained head gives them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(14, 34, (1, keypoints, 2)) + np.array([0, 8])
    x, y, _ = simcc.encode(points, np.ones((1, keypoints)), SIZE, (2.5, 2.8))
    noise = torch.from_numpy(rng.normal(0, 0.02, (2, 1, keypoints, 128)))
    return x + noise[0, ..., :96], y + noise[1]


def test_transport_by_the_identity_is_the_softmax() -> None:
    x, y = peaked_logits(0)
    out_x, out_y, mass = simcc.transport(x, y, IDENTITY, SIZE)
    np.testing.assert_allclose(out_x, torch.softmax(10 * x, -1), atol=1e-12)
    np.testing.assert_allclose(out_y, torch.softmax(10 * y, -1), atol=1e-12)
    np.testing.assert_allclose(mass, 1, atol=1e-12)


def mean_place(prob: torch.Tensor) -> torch.Tensor:
    return prob @ (torch.arange(prob.shape[-1], dtype=torch.float64) / 2)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 99), angle=st.floats(-180, 180), zoom=st.floats(0.5, 1.5), out=st.booleans()
)
def test_transport_keeps_mass_and_mean(seed: int, angle: float, zoom: float, out: bool) -> None:
    x, y = peaked_logits(seed)
    size = (160, 160) if out else SIZE
    sides = torch.tensor([[SIZE[0] / zoom, SIZE[0] / zoom]]).double()
    matrix = geometry.crop_matrix(torch.tensor([[24.0, 32.0]]).double(), sides, angle, SIZE)
    matrix[:, :, 2] += (torch.tensor(size) - torch.tensor(SIZE)) / 2
    out_x, out_y, mass = simcc.transport(x, y, matrix, size)
    assert float(mass.max()) <= 1
    if not out:
        return
    np.testing.assert_allclose(mass, 1, atol=1e-6)
    before = torch.stack([mean_place(torch.softmax(10 * p[0], -1)) for p in (x, y)], -1)
    after = torch.stack([mean_place(p[0]) for p in (out_x, out_y)], -1)
    np.testing.assert_allclose(after, geometry.apply(matrix[0], before), atol=0.05)


@pytest.mark.parametrize("angle", [15.0, 45.0, 80.0, -130.0])
def test_transport_under_rotation_matches_monte_carlo(angle: float) -> None:
    x, y = peaked_logits(5, keypoints=1)
    sides = torch.tensor([[SIZE[0] / 1.1, SIZE[1] / 1.1]]).double()
    matrix = geometry.crop_matrix(torch.tensor([[25.3, 31.2]]).double(), sides, angle, SIZE)
    out_x, out_y, _ = simcc.transport(x, y, matrix, SIZE)
    rng = np.random.default_rng(0)
    bins = [
        rng.choice(logits.shape[-1], 400_000, p=torch.softmax(10 * logits[0, 0], -1).numpy())
        for logits in (x, y)
    ]
    points = (np.stack(bins, -1) + rng.uniform(-0.5, 0.5, (400_000, 2))) / 2
    moved = np.round(geometry.apply(matrix[0], points).numpy() * 2).astype(int)
    for axis, exact in enumerate((out_x, out_y)):
        inside = moved[:, axis][(moved[:, axis] >= 0) & (moved[:, axis] < exact.shape[-1])]
        sampled = np.bincount(inside, minlength=exact.shape[-1]) / len(inside)
        assert np.abs(sampled - exact[0, 0].numpy()).sum() / 2 < 0.01


@pytest.mark.parametrize(("zoom", "shift"), [(1.0, 3.3), (0.7, -5.1), (1.9, -11.7)])
def test_transport_by_scale_and_shift_is_exact_resampling(zoom: float, shift: float) -> None:
    x, y = (logits.requires_grad_() for logits in peaked_logits(4, keypoints=1))
    matrix = torch.tensor([[[zoom, 0.0, shift], [0.0, zoom, 0.0]]], dtype=torch.float64)
    out_x, _, _ = simcc.transport(x, y, matrix, SIZE)
    assert not out_x.requires_grad
    edges = zoom * (np.arange(97) - 0.5) + 2 * shift  # of the moved bins, in the crop's bins
    prob, expected = torch.softmax(10 * x.detach()[0, 0], -1).numpy(), np.zeros(96)
    for target in range(96):
        for low, high, mass in zip(edges, edges[1:], prob, strict=False):
            overlap = min(high, target + 0.5) - max(low, target - 0.5)
            expected[target] += mass * max(overlap, 0) / (high - low)
    np.testing.assert_allclose(out_x[0, 0], expected / expected.sum(), atol=1e-9)


def test_transport_by_halving_adds_neighbouring_bins() -> None:
    x, y = peaked_logits(2)
    half = torch.tensor([[[0.5, 0.0, -0.125], [0.0, 0.5, -0.125]]], dtype=torch.float64)
    out_x, _, _ = simcc.transport(x, y, half, (24, 32))
    pairs = torch.softmax(10 * x, -1).unflatten(-1, (-1, 2)).sum(-1)
    np.testing.assert_allclose(out_x, pairs, atol=1e-12)


def test_transport_by_a_mirror_twice_is_the_identity() -> None:
    x, y = peaked_logits(3)
    mirror = geometry.mirror(SIZE[0])[None]
    once_x, once_y, _ = simcc.transport(x, y, mirror, SIZE, flip_pairs=[(0, 2)])
    np.testing.assert_allclose(
        once_x[:, 0].argmax(-1), 94 - torch.softmax(10 * x, -1)[:, 2].argmax(-1)
    )
    logits = [torch.log(p.clamp_min(1e-300)) / 10 for p in (once_x, once_y)]
    twice_x, twice_y, _ = simcc.transport(*logits, mirror, SIZE, flip_pairs=[(0, 2)])
    # Pixel 47.5, the last bin, has its mirror image at -0.5, outside: its 1e-5 of mass leaves.
    np.testing.assert_allclose(twice_x, torch.softmax(10 * x, -1), atol=1e-4)
    np.testing.assert_allclose(twice_y, torch.softmax(10 * y, -1), atol=1e-12)


def test_mass_that_leaves_the_crop_is_counted() -> None:
    flat = torch.zeros(1, 1, 96), torch.zeros(1, 1, 128)
    away = torch.tensor([[[1.0, 0.0, 24.0], [0.0, 1.0, 0.0]]], dtype=torch.float64)
    out_x, _, mass = simcc.transport(*flat, away, SIZE)
    np.testing.assert_allclose(mass, 0.5, atol=1e-6)
    np.testing.assert_allclose(out_x.sum(), 1, atol=1e-6)
    gone = torch.tensor([[[1.0, 0.0, 240.0], [0.0, 1.0, 0.0]]], dtype=torch.float64)
    assert simcc.transport(*flat, gone, SIZE)[2].tolist() == [[0.0]]


def exact(x: torch.Tensor, y: torch.Tensor, row: torch.Tensor, size: int) -> np.ndarray:
    """Mass per bin of a * x + b * y + c by a sum over all pairs of bins.

    Uniform in a bin each, a pair's sum has a trapezoid's density, whose integral is a second
    difference of squares. x (Wx,) and y (Wy,) are logits, row (3,) is in bins.
    """
    a, b, c = row.tolist()
    long, short = sorted((abs(a), abs(b)), reverse=True)
    places = (np.arange(len(x))[:, None] * a + np.arange(len(y)) * b + c).ravel()
    p, q = (torch.softmax(10 * logits, -1).numpy() for logits in (x, y))
    weights = np.outer(p, q).ravel()
    below = []
    for edge in np.arange(size + 1) - 0.5:
        ends = [(1, long + short), (-1, long - short), (-1, short - long), (1, -long - short)]
        parts = [s * np.maximum(edge - places + shift / 2, 0) ** 2 for s, shift in ends]
        below.append((weights * sum(parts)).sum() / (2 * long * short))
    return np.diff(below)


@pytest.mark.parametrize("angle", [0.5, 20.0, 45.0, 90.5, 170.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_transport_of_turned_crops_is_the_sum_over_all_pairs_of_bins(
    angle: float, mirrored: bool
) -> None:
    x, y = peaked_logits(6, keypoints=2)
    matrix = geometry.crop_matrix(
        torch.tensor([25.3, 31.2]).double(), torch.tensor([43.6, 58.1]), angle, SIZE
    )
    if mirrored:
        matrix = geometry.compose(geometry.mirror(SIZE[0]), matrix)
    outs = simcc.transport(x, y, matrix[None], SIZE)
    for row, out, size in zip(matrix.double(), outs, (96, 128), strict=False):
        row = torch.cat([row[:2], row[2:] * 2])
        for keypoint in range(2):
            expected = exact(x[0, keypoint], y[0, keypoint], row, size)
            apart = np.abs(out[0, keypoint].numpy() - expected / expected.sum()).sum() / 2
            assert apart < 5e-3


def test_a_sample_is_carried_alike_alone_and_among_others() -> None:
    angles = torch.tensor([0.0, 30.0, 0.0, -75.0, 180.0, 50.0])
    count = len(angles)
    logits = [torch.cat(parts) for parts in zip(*map(peaked_logits, range(count)), strict=True)]
    matrices = geometry.crop_matrix(
        torch.tensor([[24.0, 32.0]]).expand(count, 2).double(),
        torch.tensor([[40.0, 53.0]]).expand(count, 2), angles, SIZE,
    )  # fmt: skip
    matrices[5] = geometry.compose(geometry.zoom(9.0), matrices[5])  # a far closer look
    matrices[2] = geometry.compose(geometry.mirror(SIZE[0]), matrices[2])
    x, y = logits
    together = simcc.transport(x, y, matrices, SIZE, flip_pairs=[(0, 2)])
    for row in range(count):
        one = slice(row, row + 1)
        alone = simcc.transport(x[one], y[one], matrices[one], SIZE, flip_pairs=[(0, 2)])
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[one], b, atol=1e-12)
