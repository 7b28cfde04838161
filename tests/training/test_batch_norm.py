"""Batch norm over parts of a batch, beside PyTorch's own over the whole."""

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from tiny_run import SKELETON, recipe
from torch import Tensor, nn

from posecache.models.networks import NETWORKS
from posecache.training.batch_norm import synchronised
from posecache.training.shares import Sum


def sums(count: int) -> list[Sum]:
    """What adds up the tensors of `count` threads."""
    given: list[Tensor] = [torch.empty(0)] * count
    barrier = Barrier(count, timeout=3600)

    def of(rank: int) -> Sum:
        def total(values: Tensor) -> Tensor:
            given[rank] = values
            barrier.wait()
            found = torch.stack(given).sum(0)
            barrier.wait()
            return found

        return total

    return [of(rank) for rank in range(count)]


def passed(layer: nn.Module, images: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's output, and the gradient of its input."""
    images = images.clone().requires_grad_()
    out = layer(images)
    out.backward(gradient)
    assert images.grad is not None
    return out.detach(), images.grad


@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (6, 3)])
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}])
def test_uneven_parts_are_normalised_as_the_whole(
    shape: tuple[int, ...], options: dict[str, None]
) -> None:
    """Values, gradients and running statistics, where means are large beside deviations."""
    torch.manual_seed(0)
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    whole = kind(3, **options)
    network = nn.Sequential(whole, nn.Linear(3, 3))
    layers = [synchronised(copy.deepcopy(network), s)[0] for s in sums(3)]
    for _ in range(2):
        images, gradient = 100 + torch.randn(shape), torch.randn(shape)
        expected = passed(whole, images, gradient)
        with ThreadPoolExecutor(3) as pool:
            parts = images.split([3, 1, 2]), gradient.split([3, 1, 2])
            found = list(pool.map(passed, layers, *parts))
        for own, all_ in zip(zip(*found, strict=True), expected, strict=True):
            torch.testing.assert_close(torch.cat(own), all_, atol=2e-5, rtol=1e-5)
    for layer in layers:
        for name, value in whole.named_buffers():
            torch.testing.assert_close(layer.get_buffer(name), value)
    for name, parameter in whole.named_parameters():
        gradients = [layer.get_parameter(name).grad for layer in layers]
        torch.testing.assert_close(sum(gradients), parameter.grad, atol=1e-4, rtol=1e-5)


def test_names_stay_and_so_does_what_a_finished_network_says() -> None:
    how = recipe()
    model = NETWORKS["rtmpose"].build(how.variant, SKELETON.num_keypoints, how.input_size).eval()
    names, images = list(model.state_dict()), torch.randn(2, 3, *how.input_size)
    before = model(images)
    model = synchronised(model, sums(1)[0])
    assert isinstance(model.get_submodule("backbone.stem.0.bn"), nn.SyncBatchNorm)
    assert list(model.state_dict()) == names
    torch.testing.assert_close(model(images), before, atol=0, rtol=0)
