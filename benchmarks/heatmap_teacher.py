"""What reading a heat map as marginals costs: PCKh of the cached logits against the map's own.

Trains two small heat-map networks (a CSPNeXt backbone, two deconvolutions) on the demo's COCO set
with MMPose's two kinds of label, exports them to ONNX, imports and caches them. Prints a Markdown
table. Needs the demo's samples (`make table1`).
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from posecache import geometry, logits, samples, simcc, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.logits import Views, views
from posecache.logits.live import divergence
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.heatmap import cell_step, flip_back
from posecache.models.importing import import_model
from posecache.models.networks.cspnext import CSPNeXt
from posecache.models.networks.variant import Variant
from posecache.models.settings import Heatmap, Import
from posecache.samples.pictures import crop_rows
from posecache.samples.store import SampleStore
from posecache.training.recipe import Recipe
from posecache.training.schedule import learning_rate
from posecache.training.stream import Stream, TrainingSet
from posecache.training.teaching import Teaching

SIZE, CELLS = (64, 96), (16, 24)  # width, height of the input in px, of a map in cells
SIGMA = 1.0  # cells
BATCH = 16
FACTORS = (5.0, 10.0, 20.0, 40.0)  # of the softmax
SEEN = {"half_body_prob": 0, "scale_factor": [0.8, 1.25], "rotate_degrees": 30, "rotate_prob": 0.5,
        "hsv_delta": [0, 0, 0], "blur_prob": 0, "median_blur_prob": 0,
        "dropout_prob": 0}  # fmt: skip


class HeatmapNetwork(nn.Module):
    """Normalised crops (B, 3, H, W) to maps (B, K, H / 4, W / 4), as SimpleBaseline has them."""

    def __init__(self, num_keypoints: int) -> None:
        super().__init__()
        self.backbone = CSPNeXt(Variant(deepen=0.167, widen=0.25, stride=16))
        layers: list[nn.Module] = []
        width = self.backbone.out_channels
        for _ in range(2):
            layers += [
                nn.ConvTranspose2d(width, 64, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(64),
                nn.ReLU(),
            ]
            width = 64
        last = nn.Conv2d(width, num_keypoints, 1)
        self.head = nn.Sequential(*layers, last)
        nn.init.normal_(last.weight, std=0.001)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.head(self.backbone(images))
        return maps


@dataclass(frozen=True)
class Truth:
    """Maps (B, K, h, w) to learn, and weights (B, K)."""

    maps: Tensor
    weight: Tensor


def labels(keypoints: Tensor, weight: Tensor, how: Heatmap) -> Truth:
    """Gaussians of peak 1 at keypoints (B, K, 2) in input px, by the convention of `how`."""
    across, down = (
        torch.arange(cells) - keypoints[..., axis, None] / cell_step(side, cells, how)
        for axis, (side, cells) in enumerate(zip(SIZE, CELLS, strict=True))
    )
    squares = down[..., :, None] ** 2 + across[..., None, :] ** 2
    return Truth(torch.exp(-squares / (2 * SIGMA**2)), weight)


def train(store: SampleStore, how: Heatmap, epochs: int) -> nn.Module:
    """A network trained by the mean squared error of its maps."""
    recipe = Recipe.model_validate(
        {"variant": {"deepen": 0.167, "widen": 0.25, "stride": 16}, "input_size": SIZE,
         "batch_size": BATCH, "epochs": epochs, "augmentation": SEEN, "final_epochs": 0}
    )  # fmt: skip
    skeleton = skeletons.load(store.skeleton)
    stream = Stream(
        [TrainingSet(samples=store, logits={})], skeleton, batch_size=BATCH, seed=0, memory_mb=1000
    )
    teaching = Teaching(recipe, skeleton, {}, "cpu")
    torch.manual_seed(0)
    model = HeatmapNetwork(skeleton.num_keypoints).train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    total = epochs * stream.steps_per_epoch
    for epoch in range(epochs):
        for index, batch in enumerate(stream.epoch(epoch)):
            step = epoch * stream.steps_per_epoch + index
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(
                    step, total, base=2e-3, warmup_steps=100, final_ratio=0.05
                )
            images, truth, _ = teaching.prepare(batch, step, epoch)
            wanted = labels(truth.keypoints, truth.weight, how)
            error = (model(images) - wanted.maps).square().mean((-2, -1))
            loss = (error * wanted.weight).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return model.eval()


def export(model: nn.Module, path: Path) -> None:
    """An ONNX file as others make it: one input, one output, a free batch axis."""
    width, height = SIZE
    torch.onnx.export(
        model, (torch.zeros(2, 3, height, width),), path, dynamo=False, opset_version=17,
        input_names=["input"], output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
    )  # fmt: skip


def maps_of(folder: Path, store: SampleStore, flip: bool) -> tuple[Tensor, np.ndarray]:
    """The file's own maps (N, K, h, w), as MMPose would average them, and the crops' matrices."""
    card = Card.load(folder / CARD_FILE)
    assert card.heatmap is not None
    boxes, keypoints = store.column("box"), store.column("keypoints")
    skeleton = skeletons.load(store.skeleton)
    matrix = views.matrices(Views(), card, boxes, keypoints, skeleton, 0)[:, 0]
    crops = crop_rows([store.picture(row) for row in range(store.n)], matrix, SIZE)
    inputs = ((crops - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)).astype(np.float32)
    inputs = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))
    session = onnxruntime.InferenceSession(folder / MODEL_FILE)
    maps = torch.from_numpy(session.run(None, {"input": inputs})[0])
    if flip:
        mirrored = np.ascontiguousarray(inputs[..., ::-1])
        back = torch.from_numpy(session.run(None, {"input": mirrored})[0])
        maps = (maps + flip_back(back, skeleton.flip_pairs, card.heatmap)) / 2
    return maps, matrix


def largest_cell(maps: Tensor, how: Heatmap, refined: bool) -> Tensor:
    """Places (N, K, 2) in input px of the largest cells; `refined` moves each by a quarter of a
    cell towards its larger neighbour (MMPose codecs/utils/refinement.py, refine_keypoints)."""
    cells = maps.flatten(2).argmax(-1)
    x, y = cells % CELLS[0], cells // CELLS[0]
    found = torch.stack([x, y], -1).double()
    if refined:
        padded = F.pad(maps, (1, 1, 1, 1), mode="replicate")
        rows, points = (
            torch.arange(len(maps))[:, None], torch.arange(maps.shape[1])
        )  # fmt: skip
        across = padded[rows, points, y + 1, x + 2] - padded[rows, points, y + 1, x]
        down = padded[rows, points, y + 2, x + 1] - padded[rows, points, y, x + 1]
        found += torch.stack([across, down], -1).sign() / 4
    steps = [cell_step(side, n, how) for side, n in zip(SIZE, CELLS, strict=True)]
    return found * torch.tensor(steps)


def pckh(places: Tensor, matrix: np.ndarray, store: SampleStore) -> str:
    """PCKh@0.5 and @0.1 of places (N, K, 2) in input px over all labelled keypoints."""
    found = geometry.apply(geometry.invert(matrix), places.double()).numpy()
    truth = store.column("keypoints")
    distance = np.linalg.norm(found - truth, axis=-1) / store.column("head_size")[:, None]
    distance = distance[~np.isnan(truth).any(-1)]
    return f"{100 * (distance <= 0.5).mean():.1f} / {100 * (distance <= 0.1).mean():.1f}"


def kl_of_truth(x: np.ndarray, y: np.ndarray, matrix: np.ndarray, store: SampleStore) -> float:
    """KL(label || cached) in nats a keypoint's axis, of logits (N, K, W) read by `matrix`."""
    points = geometry.apply(matrix, torch.from_numpy(store.column("keypoints")).double()).float()
    labelled = ~points.isnan().any(-1)
    *labels_xy, weight = simcc.encode(
        points.nan_to_num(-1e4), labelled, SIZE, simcc.default_sigma(SIZE)
    )
    seen = weight.numpy() > 0
    axes = zip(labels_xy, (x, y), strict=True)
    return float(np.mean([divergence(a.numpy()[seen], b[seen]) for a, b in axes]))


def report(path: Path, how: Heatmap, store: SampleStore, folder: Path) -> None:
    """A row of the table for each way of reading the file's maps."""
    kind = "UDP" if how.udp else "MSRA, shift" if how.shift else "MSRA"
    rows: dict[str, list[str]] = {}
    for factor in (None, *FACTORS):
        own = how.model_copy(update={"softmax": factor})
        model = folder / f"model-{kind}-{factor}"
        settings = Import(skeleton="coco17", input_size=SIZE, head="heatmap", heatmap=own)
        import_model(path, model, name="maps", settings=settings)
        for flip in (False, True):
            if factor is None:
                maps, matrix = maps_of(model, store, flip)
                for name, refined in (("arg-max", False), ("arg-max, quarter cell", True)):
                    places = largest_cell(maps, how, refined)
                    rows.setdefault(name, []).append(f"{pckh(places, matrix, store)} | –")
            made = model / f"logits-{flip}"
            logits.cache(model, store.folder, made, logits.Caching(flip=flip))
            x, y, read = (part[:, 0] for part in logits.open(made).read(slice(0, store.n)))
            places, _ = simcc.decode(x.astype(np.float32), y.astype(np.float32))
            name = "the map itself" if factor is None else f"softmax({factor:g} map)"
            kl = kl_of_truth(x, y, read, store)
            rows.setdefault(name, []).append(f"{pckh(places, read, store)} | {kl:.2f}")
    for name, cells in rows.items():
        print(f"| {kind} | {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, default=Path("results/samples"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="folder for the ONNX files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store = samples.open(arguments.samples / "coco-val")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        print("| convention | read from | PCKh@0.5 / @0.1 | KL(label) | with flip | KL(label) |")
        print("|---|---|---|---|---|---|")
        for udp in (False, True):
            path = folder / f"maps-{'udp' if udp else 'msra'}.onnx"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                train_store = samples.open(arguments.samples / "coco-train")
                export(train(train_store, Heatmap(udp=udp), arguments.epochs), path)
            for shift in (False,) if udp else (True, False):
                report(path, Heatmap(udp=udp, shift=shift), store, Path(name))


if __name__ == "__main__":
    main()
