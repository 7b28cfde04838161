"""How large networks are, about: only their ratios count, and what nobody has measured.

Published sizes of RTMPose at 192 x 256 px (arXiv:2303.07399): t 3.3 M parameters and 0.36 GFLOPs,
s 5.5 M and 0.68, m 13.6 M and 1.93, l 27.7 M and 4.16. The formulas meet them to a tenth.
"""

from dataclasses import dataclass
from pathlib import Path

from posecache.config.schema import Config
from posecache.models.networks import NETWORKS
from posecache.models.networks.variant import VARIANTS, Variant

MILLIONS, GFLOPS = 13.6, 1.93  # of RTMPose-m
PX = 192 * 256
HEAD_MILLIONS = 0.7
BYTES_A_PARAMETER = 4


@dataclass(frozen=True)
class Network:
    """A network's millions of parameters, and GFLOPs of one forward pass."""

    millions: float
    gflops: float


def network(config: Config, model: str) -> Network:
    """A model's network; one that is not known counts as RTMPose-m."""
    width, height = config.input_size(model)
    millions, gflops = _imported(config, model) if model in config.imported else _own(config, model)
    return Network(millions, gflops * width * height / PX)


def _imported(config: Config, model: str) -> tuple[float, float]:
    """Of a file: by its bytes, if it is there."""
    path = Path(config.imported[model].weights)
    size = path.stat().st_size if path.is_file() else 0
    millions = size / BYTES_A_PARAMETER / 1e6 or MILLIONS
    return millions, GFLOPS * millions / MILLIONS


def _own(config: Config, model: str) -> tuple[float, float]:
    """Of one that is trained here: by its depth and width."""
    recipe, m = config.recipe(model), VARIANTS["m"]
    variant = NETWORKS[recipe.network].check(recipe.variant, recipe.input_size)
    if not isinstance(variant, Variant):
        return MILLIONS, GFLOPS
    ratio = (variant.widen / m.widen) ** 2 * (0.6 + 0.6 * variant.deepen)
    return MILLIONS * ratio + HEAD_MILLIONS, GFLOPS * ratio
