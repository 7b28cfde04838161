"""What every network promises, for each name that a recipe may give."""

import pytest
import torch

from posecache.contract import SPLIT_RATIO
from posecache.models.networks import NETWORKS, Network
from posecache.training.recipe import Recipe

K, SIZE = 5, (64, 96)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_network_maps_crops_to_two_bins_a_pixel(name: str) -> None:
    recipe = Recipe(network=name, input_size=SIZE)
    model = NETWORKS[name].build(recipe.variant, K, SIZE).eval()
    width, height = SIZE
    with torch.no_grad():
        x, y = model(torch.zeros(2, 3, height, width))
    assert x.shape == (2, K, SPLIT_RATIO * width)
    assert y.shape == (2, K, SPLIT_RATIO * height)
    assert x.dtype == y.dtype == torch.float32
    assert x.isfinite().all()
    assert y.isfinite().all()


@pytest.mark.parametrize("name", list(NETWORKS))
def test_each_image_of_a_batch_has_its_own_logits(name: str) -> None:
    torch.manual_seed(0)
    model = NETWORKS[name].build(Recipe(network=name).variant, K, SIZE).eval()
    images = torch.randn(3, 3, SIZE[1], SIZE[0])
    with torch.no_grad():
        together, alone = model(images), model(images[1:2])
    for many, one in zip(together, alone, strict=True):
        torch.testing.assert_close(many[1:2], one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_variant_that_the_network_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"variant|validation error"):
        NETWORKS[name].build("no such variant", K, SIZE)


def test_an_unknown_network_is_refused() -> None:
    message = "unknown network 'hrnet', expected one of rtmpose, heatmap, or module:attribute"
    with pytest.raises(ValueError, match=message):
        NETWORKS["hrnet"]


def test_a_network_of_ones_own_needs_no_entry() -> None:
    found = NETWORKS["posecache.models.networks.variant:RTMPOSE"]
    assert isinstance(found, Network)
    assert found is NETWORKS["rtmpose"]
    with pytest.raises(ValueError, match=r"no\.such\.module:NETWORK: No module named 'no'"):
        NETWORKS["no.such.module:NETWORK"]
