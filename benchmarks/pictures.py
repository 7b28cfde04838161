"""What it costs to read every picture once before a sample set is prepared.

    python benchmarks/pictures.py [--pictures 1000]

Writes JPEGs of COCO's size (640 x 480 px, about 160 kB), one person in each, and measures, in one
run and with one thread: looking at their sizes and times alone, their digests, digests and the
check for damage (what `prepare_samples` does at its start), and the whole stage with crops.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from posecache import datasets, files, samples
from posecache.datasets import Annotations, Source
from posecache.samples.preparing import look_at

COCO_PICTURES = 118_287


def write(folder: Path, count: int) -> Annotations:
    """An annotation file and its pictures."""
    rng, images, people = np.random.default_rng(0), [], []
    for number in range(1, count + 1):
        coarse = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 640, "height": 480})
        points = rng.uniform((200, 100), (350, 350), (17, 2)).round().tolist()
        people.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": [180, 80, 200, 300],
             "area": 30000, "num_keypoints": 17, "iscrowd": 0,
             "keypoints": [v for x, y in points for v in (x, y, 2)]}
        )  # fmt: skip
    record = {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}
    path = folder / "people.json"
    path.write_text(json.dumps(record))
    source = Source(format="coco", annotations=path, image_root=folder, skeleton="coco17")
    return datasets.read(source)


def measure(name: str, count: int, work: Callable[[], object]) -> None:
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    whole = seconds / count * COCO_PICTURES / 60
    print(f"{name:28} {1000 * seconds / count:8.3f} ms a picture, {whole:6.1f} min for COCO's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    count = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = write(folder, count)
        paths = [people.image_path(row) for row in range(count)]
        size = sum(path.stat().st_size for path in paths) / count
        print(f"{count} pictures of {size / 1000:.0f} kB")
        measure("sizes and times", count, lambda: [path.stat() for path in paths])
        measure("digests", count, lambda: [files.sha256(path) for path in paths])
        measure("digests, check for damage", count, lambda: look_at(people, 1))
        prepare = partial(samples.prepare, people, folder / "store", crops=samples.Crops())
        measure("the whole stage", count, prepare)


if __name__ == "__main__":
    main()
