"""Networks by name, and what every network promises.

A network maps normalised RGB crops (B, 3, H, W), float, to SimCC logits x (B, K, 2W) and y
(B, K, 2H): `contract.SPLIT_RATIO` bins per input px, read as softmax(`contract.BETA` * logits). In
evaluation mode it may give keypoints (B, K, 2) in input px and scores (B, K), too: its predictions.
The trainer, the export and everything after them know nothing else about it. Where its module has a
part named `backbone`, another run may start from that part only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posecache.names import Names, resolve

if TYPE_CHECKING:
    from torch import nn

Size = tuple[int, int]  # width, height in px


@dataclass(frozen=True, kw_only=True)
class Network:
    """An entry of NETWORKS.

    `check` takes the recipe's `variant` and `input_size` and gives the variant as the factory wants
    it, or raises ValueError. `factory` is the place, `module:attribute`, of a callable
    (variant, num_keypoints, input_size) -> nn.Module. It is not the callable itself, so that
    reading a configuration does not import torch.
    """

    check: Callable[[Any, Size], Any]
    factory: str

    def build(self, variant: Any, num_keypoints: int, input_size: Size) -> "nn.Module":
        """A fresh network."""
        module: nn.Module = resolve(self.factory)(
            self.check(variant, input_size), num_keypoints, input_size
        )
        return module


NETWORKS: Names[Network] = Names(
    "network",
    {
        "rtmpose": "posecache.models.networks.variant:RTMPOSE",
        "heatmap": "posecache.models.networks.variant:HEATMAP",
    },
    attributes=("check", "factory"),
)
