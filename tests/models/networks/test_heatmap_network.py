"""A convolutional heat map whose marginals are the SimCC logits."""

import torch

from posecache import simcc
from posecache.models import RTMPose, Variant
from posecache.models.networks.heatmap import CELL, HeatmapPose

SIZE = (64, 96)
TINY = Variant(deepen=0.167, widen=0.125, stride=16)
IMAGES = torch.zeros(1, 3, SIZE[1], SIZE[0])


def with_a_peak(column: int, row: int) -> HeatmapPose:
    """A network that sees keypoint 0 in one cell of the heat map, at every image's every place."""
    model = HeatmapPose(TINY, 2, SIZE).eval()
    torch.nn.init.zeros_(model.head.weight)
    with torch.no_grad():
        model.head.bias[row * model.cells + column] = 20.0
    return model


def test_a_cells_peak_lies_at_its_middle() -> None:
    model = with_a_peak(column=1, row=2)
    with torch.no_grad():
        x, y = model(IMAGES)
    # One place of the features is 4 x 4 cells of 4 px, 8 bins: cell 1 is bins 8 to 15.
    assert (CELL, model.cells) == (4, 4)
    period = x[0, 0].reshape(-1, 32)
    torch.testing.assert_close(period, period[:1].expand_as(period))
    assert set(x[0, 0, :32].topk(2).indices.tolist()) == {11, 12}
    assert set(y[0, 0, :32].topk(2).indices.tolist()) == {19, 20}


def test_a_map_without_a_peak_has_even_marginals() -> None:
    with torch.no_grad():
        x, y = with_a_peak(0, 0)(IMAGES)
    for axis in (x[:, 1], y[:, 1]):
        torch.testing.assert_close(axis, axis[..., :1].expand_as(axis))


def test_a_shift_by_one_place_shifts_the_keypoint() -> None:
    torch.manual_seed(0)
    model = HeatmapPose(TINY, 2, SIZE).eval()
    features = torch.zeros(1, model.backbone.out_channels, 6, 4)
    features[0, :, 2, 1] = torch.randn(model.backbone.out_channels) * 40
    model.backbone = torch.nn.Identity()
    here, _ = simcc.decode(*(part + 99 for part in model(features)))
    there, _ = simcc.decode(*(part + 99 for part in model(features.roll((1, 1), (2, 3)))))
    torch.testing.assert_close(there, here + 16)


def test_another_run_may_start_from_its_backbone() -> None:
    backbone = HeatmapPose(TINY, 5, SIZE).backbone
    RTMPose(TINY, 17, (96, 128)).backbone.load_state_dict(backbone.state_dict())
