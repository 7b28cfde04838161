"""Peak memory of caching, of reading logits and of training batches, for few and for many rows.

Each measurement is a fresh process. The model is a small ONNX graph with the inputs and outputs of
a COCO teacher at 192x256; the store's rows are of full size. Prints a Markdown table.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from posecache import datasets, logits, samples
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.models.card import Card
from posecache.models.folder import write_model

WRITE = (
    "import pathlib,sys; from posecache import logits; f=pathlib.Path(sys.argv[1]);"
    "how=logits.Caching(flip=False, shard_rows=int(sys.argv[2]), views={'merge': '%s'});"
    "logits.cache(f/'model', f/'samples', f/'logits', how)"
)
READ = (
    "import pathlib,sys; from posecache import logits;"
    "s=logits.open(pathlib.Path(sys.argv[1])/'logits');"
    "sum(len(s.read(slice(a, min(a+64, s.n)))) for a in range(0, s.n, 64))"
)

TRAIN = (
    "import pathlib,sys; from posecache import logits, samples, skeletons;"
    "from posecache.training.resident import Keeping;"
    "from posecache.training.stream import Stream, TrainingSet;"
    "f=pathlib.Path(sys.argv[1]); s=samples.open(f/'samples');"
    "t=TrainingSet(samples=s, logits={'t': logits.open(f/'logits', samples=s)});"
    "k=Keeping(pictures='decoding');"
    "r=Stream([t], skeletons.load('coco17'), batch_size=64, seed=0, memory_mb=50,"
    "keeping=k); sum(len(b) for b in r.epoch(0))"
)


def teacher(folder: Path) -> None:
    """Logits (17, 384) and (17, 512) that are a linear map of the picture's mean colour."""
    rng, nodes, weights, outputs = np.random.default_rng(0), [], [], []
    nodes.append(helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0))
    for name, bins in (("simcc_x", 384), ("simcc_y", 512)):
        values = rng.normal(0, 0.3, (3, 17 * bins)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"{name}_w"))
        weights.append(numpy_helper.from_array(np.array([-1, 17, bins]), f"{name}_s"))
        nodes.append(helper.make_node("MatMul", ["mean", f"{name}_w"], [f"{name}_f"]))
        nodes.append(helper.make_node("Reshape", [f"{name}_f", f"{name}_s"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 17, bins]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["b", 3, 256, 192])
    graph = helper.make_graph(nodes, "mean", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = onnx.ModelProto.SerializeToString(model)
    card = Card(
        name="mean", sha256=hashlib.sha256(content).hexdigest(), skeleton="coco17",
        input_size=(192, 256), mean=IMAGENET_MEAN, std=IMAGENET_STD, source="a benchmark",
    )  # fmt: skip
    write_model(folder / "model", card, content)


def people(folder: Path, rows: int, each: int = 50) -> None:
    """A sample store of `rows` persons, fifty per picture."""
    rng, images, annotations = np.random.default_rng(0), [], []
    for number in range(1, -(-rows // each) + 1):
        noise = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(noise, (320, 240)))
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 320, "height": 240})
    for number in range(rows):
        x, y = rng.uniform(0, 200), rng.uniform(0, 140)
        annotations.append(
            {"id": number, "image_id": number // each + 1, "bbox": [x, y, 60, 80], "area": 2000,
             "keypoints": [x + 5, y + 5, 2] * 17}
        )  # fmt: skip
    path = folder / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    source = datasets.Source(format="coco", annotations=path, image_root=folder, skeleton="coco17")
    crops = samples.Crops(size=64)
    samples.prepare(datasets.read(source), folder / "samples", crops=crops)


def peak_mb(code: str, folder: Path, shard_rows: int) -> float:
    """Peak resident MB of a fresh interpreter that runs `code`."""
    probe = f"{code}; print(open('/proc/self/status').read())"
    done = subprocess.run(
        [sys.executable, "-c", probe, str(folder), str(shard_rows)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs=2, default=[4000, 40000], metavar=("FEW", "MANY"))
    parser.add_argument("--shard-rows", type=int, default=logits.Caching().shard_rows)
    arguments = parser.parse_args()
    probes = {
        "writing": WRITE % "none",
        "writing, four looks merged": WRITE % "confident",
        "reading": READ,
        "training batches": TRAIN,
    }
    found: dict[str, list[float]] = {name: [] for name in probes}
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            teacher(folder)
            people(folder, rows)
            for probe, code in probes.items():
                found[probe].append(peak_mb(code, folder, arguments.shard_rows))
    few, many = arguments.rows
    print(f"| | {few} rows, MB | {many} rows, MB | ratio |\n|---|---|---|---|")
    for name, (first, second) in found.items():
        print(f"| {name} | {first:.0f} | {second:.0f} | {second / first:.2f} |")


if __name__ == "__main__":
    main()
