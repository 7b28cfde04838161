"""Make docs/predictions.jpg: a student's predictions on validation pictures of the demo's two sets.

Needs the demo's results (`make table1`). What a picture's own dataset does not label is red.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from posecache import logits, samples, skeletons
from posecache.report.drawing import draw
from posecache.samples.pictures import read_image
from posecache.samples.store import SampleStore
from posecache.scores.predictions import predict

HEIGHT, SEEN = 288, 0.2  # px; the score above which a keypoint is drawn


def pictures(results: Path, model: str, sampleset: str, images: list[int]) -> list[np.ndarray]:
    """Some of a sample set's pictures with the model's skeletons."""
    store = samples.open(results / "samples" / sampleset)
    opened = logits.open(results / "logits" / model / sampleset, samples=store)
    skeleton = skeletons.load(opened.skeleton)
    found = predict(opened)
    added = set(skeleton.keypoints) - set(skeletons.load(store.skeleton).keypoints)
    return [
        draw(read_image(store.image_path(int(rows[0]))), found.keypoints[rows],
             found.scores[rows] > SEEN, skeleton, added)
        for rows in (rows_of(store, image) for image in images)
    ]  # fmt: skip


def rows_of(store: SampleStore, image: int) -> np.ndarray:
    """The rows of an image's people."""
    return np.flatnonzero(store.column("image_index") == image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--model", default="unified-s")
    parser.add_argument(
        "--coco", type=int, nargs="+", default=[3, 11, 30], help="numbers of pictures"
    )
    parser.add_argument("--mpii", type=int, nargs="+", default=[2, 9, 15])
    parser.add_argument("--out", type=Path, default=Path("docs/predictions.jpg"))
    given = parser.parse_args()
    found = pictures(given.results, given.model, "coco-val", given.coco)
    found += pictures(given.results, given.model, "mpii-val", given.mpii)
    scaled = [cv2.resize(p, (p.shape[1] * HEIGHT // p.shape[0], HEIGHT)) for p in found]
    cv2.imwrite(str(given.out), cv2.cvtColor(np.hstack(scaled), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
