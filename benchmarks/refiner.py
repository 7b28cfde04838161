"""What a refiner costs: parameters, multiply-adds and forward time, over the model beneath it.

Random weights, ONNX Runtime on the CPU. Forward passes of both models alternate; the ratio is that
of the medians of their CPU seconds, which others on the machine disturb less.
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions
from torch import nn

from posecache import skeletons
from posecache.models.cost import cost
from posecache.models.export import INPUT, export
from posecache.models.networks.refined import Refining
from posecache.models.networks.rtmpose import RTMPose
from posecache.models.networks.variant import Variant
from posecache.models.session import PROVIDERS
from posecache.models.settings import Refine

SKELETON = skeletons.load("coco17+mpii16")
FULL = (192, 256)
# The demo's tiny student, and its refiner in configs/refine.yaml; then RTMPose's own sizes.
DEMO = Variant(deepen=0.167, widen=0.1875, stride=16)
MODELS: dict[str, tuple[str | Variant, tuple[int, int], Refine]] = {
    "demo, tiny": (DEMO, (64, 96), Refine(hidden=64, features=32)),
    **{name: (name, FULL, Refine()) for name in ("t", "s", "m")},
}
HEAD = """| model | input | parameters | M multiply-adds | refined: parameters | these | time |
|---|---|---|---|---|---|---|"""


def row(name: str, folder: Path, given: argparse.Namespace) -> str:
    """A model's line of the table."""
    variant, size, how = MODELS[name]
    coarse = partial(RTMPose, variant, SKELETON.num_keypoints, size)
    networks: tuple[nn.Module, nn.Module] = (
        coarse(),
        Refining(coarse=coarse, refine=how, skeleton=SKELETON)(),
    )
    paths = [folder / f"{number}.onnx" for number in range(2)]
    for network, path in zip(networks, paths, strict=True):
        export(network, size, path)
    plain, refined = map(cost, paths)
    assert plain.macs is not None
    assert refined.macs is not None
    parameters = refined.parameters / plain.parameters - 1
    taken = seconds(paths, size, given)
    return (
        f"| {name} | {size[0]}×{size[1]} | {plain.parameters / 1e6:.2f} M | {plain.macs / 1e6:.0f} "
        f"| +{parameters:.1%} | +{refined.macs / plain.macs - 1:.1%} | {taken[1] / taken[0]:.2f} |"
    )


def seconds(paths: list[Path], size: tuple[int, int], given: argparse.Namespace) -> list[float]:
    """The median CPU seconds of a forward pass of each model."""
    options = SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [InferenceSession(str(path), options, providers=PROVIDERS["cpu"]) for path in paths]
    rng = np.random.default_rng(1)
    crops = rng.normal(size=(given.batch, 3, size[1], size[0])).astype(np.float32)
    found: list[list[float]] = [[], []]
    for turn in range(given.turns + 1):
        for session, taken in zip(sessions, found, strict=True):
            since = time.process_time()
            session.run(None, {INPUT: crops})
            if turn:  # the first one plans memory
                taken.append(time.process_time() - since)
    return [statistics.median(taken) for taken in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--turns", type=int, default=15)
    given = parser.parse_args()
    print(HEAD)
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder:
            print(row(name, Path(folder), given), flush=True)


if __name__ == "__main__":
    main()
