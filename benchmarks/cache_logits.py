"""Samples/s of cache_logits and of a bare ONNX Runtime loop over the same prepared batches.

Full size: RTMPose-m at 192x256 with random weights, flip test on, over drawn pictures of 640x480
with three people each. Both loops run in this process and alternate.
"""

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from posecache import datasets, logits, samples
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.models import RTMPose
from posecache.models.card import MODEL_FILE, Card
from posecache.models.export import to_bytes
from posecache.models.folder import write_model

SIZE = (192, 256)


def make_samples(folder: Path, rows: int) -> Path:
    """A sample store of `rows` persons, three per picture."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, -(-rows // 3) + 1):
        noise = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(noise, (640, 480)))
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 640, "height": 480})
    for number in range(rows):
        box = [*rng.uniform(0, 300, 2).tolist(), 150.0, 250.0]
        annotations.append(
            {
                "id": number, "image_id": number // 3 + 1, "bbox": box, "area": 9000.0,
                "keypoints": [box[0] + 9, box[1] + 9, 2] * 17,
            }
        )  # fmt: skip
    path = folder / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    source = datasets.Source(format="coco", annotations=path, image_root=folder, skeleton="coco17")
    samples.prepare(datasets.read(source), folder / "samples")
    return folder / "samples"


def make_teacher(folder: Path) -> Path:
    content = to_bytes(RTMPose("m", 17, SIZE).eval(), SIZE)
    card = Card(
        name="m", sha256=hashlib.sha256(content).hexdigest(), skeleton="coco17",
        input_size=SIZE, mean=IMAGENET_MEAN, std=IMAGENET_STD, source="a benchmark",
    )  # fmt: skip
    write_model(folder, card, content)
    return folder


def bare(model: Path, batches: list[np.ndarray], threads: int) -> float:
    """Seconds of ONNX Runtime alone over prepared batches and their mirror images."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(model / MODEL_FILE), options, providers=["CPUExecutionProvider"]
    )
    session.run(None, {"input": batches[0]})
    started = time.perf_counter()
    for batch in batches:
        session.run(None, {"input": batch})
        session.run(None, {"input": np.ascontiguousarray(batch[..., ::-1])})
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, teacher = make_samples(folder, arguments.rows), make_teacher(folder / "model")
        shape = (arguments.batch, 3, SIZE[1], SIZE[0])
        rng = np.random.default_rng(1)
        count = arguments.rows // arguments.batch
        batches = [rng.normal(size=shape).astype(np.float32) for _ in range(count)]
        print(
            "| turn | bare loop, samples/s | cache_logits, samples/s | ratio |\n|---|---|---|---|"
        )
        for turn in range(arguments.turns):
            plain = count * arguments.batch / bare(teacher, batches, arguments.threads)
            out = folder / f"logits{turn}"
            logits.cache(teacher, store, out, batch=arguments.batch, threads=arguments.threads)
            runtime = logits.open(out).manifest["runtime"]
            ours = runtime["samples_per_s"]["elapsed"]
            # The last shard, here the only one, is written while no model runs: its time is added.
            whole = runtime["num_rows"] / (runtime["seconds_elapsed"] + runtime["seconds_writing"])
            print(f"| {turn + 1} | {plain:.2f} | {whole:.2f} ({ours:.2f} before writing) | "
                  f"{whole / plain:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
