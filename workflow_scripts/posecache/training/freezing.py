"""Parts of a network that a run leaves as they are."""

from collections.abc import Sequence

from torch import nn

from posecache.training.recipe import Frozen


def freeze(model: nn.Module, parts: Sequence[Frozen]) -> None:
    """Let the parts learn nothing, and their norms keep their statistics.

    Raises ValueError for a part that the network lacks.
    """
    for part in parts:
        if not hasattr(model, part):
            raise ValueError(f"freeze: this network has no part named {part}")
        model.get_submodule(part).requires_grad_(False).eval()
