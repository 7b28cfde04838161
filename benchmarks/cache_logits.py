"""Looks/s of cache_logits, of one view and of twelve that are merged, and of a bare loop.

The bare loop runs ONNX Runtime over prepared batches. Full size: RTMPose-m at 192x256 with random
weights, flip test on, over drawn pictures of 640x480 with three people each. All run in this
process and alternate.
"""

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch

from posecache import datasets, logits, samples, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.logits import Views
from posecache.models import RTMPose
from posecache.models.card import MODEL_FILE, Card
from posecache.models.export import to_bytes
from posecache.models.folder import write_model
from posecache.models.session import PROVIDERS

SIZE = (192, 256)
TWELVE = Views(paddings=(0.95, 1.1, 1.25, 1.45), rotations=(0, 15, -15), merge="mean")
HEAD = """| turn | bare loop, looks/s | one view | twelve, merged | twelve over one, seconds \
| merging over the model, seconds |
|---|---|---|---|---|---|"""


def make_samples(
    folder: Path, rows: int, crops: samples.Crops | None = None, threads: int = 1
) -> Path:
    """A sample store of `rows` persons, three per picture."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, -(-rows // 3) + 1):
        noise = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(noise, (640, 480)))
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 640, "height": 480})
    for number in range(rows):
        box = [*rng.uniform(0, 300, 2).tolist(), 150.0, 250.0]
        places = rng.random((17, 2))
        annotations.append(
            {
                "id": number, "image_id": number // 3 + 1, "bbox": box, "area": 9000.0,
                "keypoints": np.c_[places * box[2:] + box[:2], np.full(17, 2)].ravel().tolist(),
            }
        )  # fmt: skip
    path = folder / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    source = datasets.Source(format="coco", annotations=path, image_root=folder, skeleton="coco17")
    samples.prepare(datasets.read(source), folder / "samples", crops=crops, threads=threads)
    return folder / "samples"


def make_teacher(
    folder: Path, skeleton: str = "coco17", size: tuple[int, int] = SIZE, variant: str = "m"
) -> Path:
    """An RTMPose with random weights."""
    keypoints = skeletons.load(skeleton).num_keypoints
    content = to_bytes(RTMPose(variant, keypoints, size).eval(), size)
    card = Card(
        name=variant, sha256=hashlib.sha256(content).hexdigest(), skeleton=skeleton,
        input_size=size, mean=IMAGENET_MEAN, std=IMAGENET_STD, source="a benchmark",
    )  # fmt: skip
    write_model(folder, card, content)
    return folder


def bare(model: Path, batches: list[np.ndarray], threads: int, device: str = "cpu") -> float:
    """Seconds of ONNX Runtime alone over prepared batches and their mirror images."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if device == "cuda":
        onnxruntime.preload_dlls()
    session = onnxruntime.InferenceSession(
        str(model / MODEL_FILE), options, providers=PROVIDERS[device]
    )
    session.run(None, {"input": batches[0]})
    started = time.perf_counter()
    for batch in batches:
        session.run(None, {"input": batch})
        session.run(None, {"input": np.ascontiguousarray(batch[..., ::-1])})
    return time.perf_counter() - started


def cached(
    folder: Path, views: Views, batch: int, threads: int, device: str = "cpu"
) -> dict[str, float]:
    """Seconds of caching a store of its own, and of its parts."""
    out, how = folder / "logits", logits.Caching(views=views)
    logits.cache(
        folder / "model", folder / "samples", out, how, batch=batch, threads=threads, device=device
    )
    runtime = logits.open(out).manifest["runtime"]
    shutil.rmtree(out)
    # The last shard, here the only one, is written while no model runs: its time is added.
    whole = runtime["seconds_elapsed"] + runtime["seconds_writing"]
    return {"whole": whole, **{k: runtime[f"seconds_{k}"] for k in ("inference", "merging")}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    rows, batch, threads = arguments.rows, arguments.batch, arguments.threads
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_samples(folder, rows)
        teacher = make_teacher(folder / "model")
        rng = np.random.default_rng(1)
        shape = (batch, 3, SIZE[1], SIZE[0])
        batches = [rng.normal(size=shape).astype(np.float32) for _ in range(rows // batch)]
        print(HEAD)
        for turn in range(arguments.turns):
            bare_speed = len(batches) * batch / bare(teacher, batches, threads)
            one = cached(folder, Views(), batch, threads)
            many = cached(folder, TWELVE, batch, threads)
            speeds = rows / one["whole"], rows * TWELVE.listed / many["whole"]
            cells = [f"{turn + 1}", f"{bare_speed:.2f}"]
            cells += [f"{speed:.2f} = {speed / bare_speed:.2f}" for speed in speeds]
            cells += [f"{many['whole'] / one['whole']:.2f}"]
            cells += [f"{many['merging'] / many['inference']:.1%}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
