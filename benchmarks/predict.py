"""Samples/s of `posecache predict` over 100 pictures, and of a bare loop of ONNX Runtime.

Rendered pictures of 640x480 px with a box each, a model of full size with random weights, flip test
on. Both begin with the model's file: the bare loop opens it and runs prepared batches and their
mirror images; predict also reads, cuts, decodes, writes its results and, the second time, draws.
CPU: the ratio of the CPU seconds of all threads, which others on the machine disturb less.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from onnxruntime import InferenceSession, SessionOptions

from cache_logits import SIZE, make_teacher
from posecache.datasets.demo.pictures import pictures
from posecache.models.card import MODEL_FILE
from posecache.models.session import PROVIDERS
from posecache.predicting.predict import Options, predict
from posecache.samples.pictures import decode

HEAD = """| RTMPose | bare loop, samples/s | predict without pictures | CPU | with pictures | CPU |
|---|---|---|---|---|---|"""


def draw(folder: Path, count: int) -> Path:
    """A folder of rendered pictures, 640 px wide."""
    folder.mkdir()
    for number, picture in enumerate(pictures("coco", count, 1), start=1):
        image = cv2.cvtColor(decode(picture.jpeg), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(image, (640, 480)))
    return folder


@dataclass(frozen=True)
class Time:
    """What something takes, in seconds."""

    elapsed: float
    cpu: float  # of all threads

    @staticmethod
    def of(work: Callable[[], object]) -> "Time":
        started, cpu = time.perf_counter(), time.process_time()
        work()
        return Time(time.perf_counter() - started, time.process_time() - cpu)


def bare(model: Path, count: int, given: argparse.Namespace) -> None:
    """ONNX Runtime alone."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(given.batch, 3, SIZE[1], SIZE[0])).astype(np.float32)
    options = SessionOptions()
    options.intra_op_num_threads = given.threads
    session = InferenceSession(str(model / MODEL_FILE), options, providers=PROVIDERS[given.device])
    for start in range(0, count, given.batch):
        some = inputs[: count - start]
        session.run(None, {"input": some})
        session.run(None, {"input": np.ascontiguousarray(some[..., ::-1])})


def compare(images: Path, model: Path, given: argparse.Namespace) -> list[str]:
    """The cells of a model's row: all runs alternate."""
    alone = list[Time]()
    ratios: dict[bool, list[Time]] = {False: [], True: []}
    for turn in range(given.turns):
        alone.append(Time.of(lambda: bare(model, given.pictures, given)))
        for drawn, found in ratios.items():
            options = Options(
                drawn=drawn, batch=given.batch, threads=given.threads, device=given.device
            )
            out = model.with_name(f"{model.name}-{turn}-{drawn}")
            took = Time.of(partial(predict, [images], model, out, options))
            found.append(Time(alone[-1].elapsed / took.elapsed, alone[-1].cpu / took.cpu))
    cells = [model.name, f"{given.pictures / statistics.median(t.elapsed for t in alone):.1f}"]
    for found in ratios.values():
        for shares in ([r.elapsed for r in found], [r.cpu for r in found]):
            least, most = min(shares), max(shares)
            cells.append(f"{statistics.median(shares):.2f} ({least:.2f}-{most:.2f})")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--variants", nargs="+", default=["t", "s", "m"])
    parser.add_argument("--batch", type=int, default=Options.batch)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as name:
        images = draw(Path(name, "images"), given.pictures)
        for variant in given.variants:
            model = make_teacher(Path(name, variant), variant=variant)
            print(f"| {' | '.join(compare(images, model, given))} |", flush=True)


if __name__ == "__main__":
    main()
