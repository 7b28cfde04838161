"""Validation: a network in training is scored on benchmarks, as its exported model will be.

Crops, flip test, decoding and metrics are those of caching and scoring; the network runs in single
precision. Nothing that the run goes on from is touched.

Shapes: B crops, K keypoints, H x W input px, Wx and Wy bins.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from posecache import samples
from posecache.contract import SPLIT_RATIO
from posecache.devices import onto
from posecache.files import fingerprint
from posecache.models.heads import brought_back, joined
from posecache.samples.upright import UprightCrops
from posecache.scores.benchmarks import Benchmark
from posecache.scores.predictions import Predictions, decoded
from posecache.scores.settings import HEADLINES
from posecache.training.recipe import Validating
from posecache.training.teaching import Teaching


class Validation:
    """A student's benchmarks."""

    def __init__(
        self, validating: Validating, teaching: Teaching, folder: Path, threads: int = 1
    ) -> None:
        """Crops lie on the disk of `folder`. Raises ValueError for what `Benchmark` and
        `UprightCrops` refuse."""
        recipe, self.teaching, self.flip = teaching.recipe, teaching, validating.flip
        places = dict.fromkeys(entry.samples for entry in validating.benchmarks.values())
        stores = {place: samples.open(Path(place)) for place in places}
        self.benchmarks = {
            name: Benchmark(entry, stores[entry.samples])
            for name, entry in validating.benchmarks.items()
        }
        self._crops = {
            store.folder: UprightCrops(store, recipe.input_size, recipe.padding, folder, threads)
            for store in stores.values()
        }

    @property
    def identity(self) -> str:
        """A digest of what the scores depend on besides the network, and of how often it is asked:
        by this, runs have the same best state."""
        described = {
            name: [b.measure.model_dump(mode="json", exclude={"samples"}), b.samples.fingerprint]
            + b.samples.identity["files"]
            for name, b in self.benchmarks.items()
        }
        return fingerprint([self.teaching.recipe.validate_epochs, self.flip, described])

    def due(self, epoch: int) -> bool:
        """Whether a network is to be scored after so many epochs: every few, and after the last."""
        every, last = self.teaching.recipe.validate_epochs, self.teaching.recipe.epochs
        assert every is not None
        return epoch > 0 and (epoch % every == 0 or epoch == last)

    def scores(self, network: nn.Module, stops: Sequence[str] = ()) -> dict[str, float] | None:
        """Each benchmark's AP or mean PCKh (0-100); None once `stops` lists a signal."""
        device = self.teaching.device
        # Frozen parts learn in evaluation mode: each module goes back to its own.
        modes = {module: module.training for module in network.modules()}
        network.eval()
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            found = {f: self._predictions(network, c, stops) for f, c in self._crops.items()}
        for module, training in modes.items():
            module.training = training
        return (
            None
            if stops
            else {
                name: b.metrics(found[b.samples.folder], self.teaching.skeleton)[
                    HEADLINES[b.measure.metric]
                ]
                for name, b in self.benchmarks.items()
            }
        )

    def _predictions(
        self, network: nn.Module, crops: UprightCrops, stops: Sequence[str]
    ) -> Predictions:
        """What the network says of a sample set's people, or of the first ones where it stops."""
        parts = []
        for images, matrices in crops.batches(self.teaching.recipe.batch_size):
            said = self._said(network, onto(torch.from_numpy(images), self.teaching.device))
            parts.append(decoded(said, matrices, crops.size, SPLIT_RATIO))
            if stops:
                break
        return Predictions.joined(parts)

    def _said(self, network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """Of crops (B, H, W, 3) uint8 the logits x (B, K, Wx) and y (B, K, Wy), and a refined
        network's keypoints (B, K, 3)."""
        inputs = self.teaching.normalised(images.permute(0, 3, 1, 2).float())
        outputs = network(inputs)
        if self.flip:
            pairs = self.teaching.skeleton.flip_pairs
            back = brought_back(network(inputs.flip(-1)), pairs, images.shape[2])
            outputs = [(one + other) / 2 for one, other in zip(outputs, back, strict=True)]
        return joined(outputs)
