"""Time and memory that reading a large COCO keypoint file takes, compared with `json.load`.

Makes a file of the structure of person_keypoints_train2017.json (outlines, crowds, unlabelled
people), reads it in two fresh processes, and prints both as a table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PLAIN = "import json,sys; json.load(open(sys.argv[1]))"
OURS = (
    "import pathlib,sys; from posecache import datasets;"
    "p=pathlib.Path(sys.argv[1]);"
    "datasets.read(datasets.Source(format='coco',annotations=p,image_root=p,skeleton='coco17'))"
)
IMPORT = "from posecache import datasets"


def write(path: Path, persons: int) -> None:
    """A file with `persons` labelled people and three unlabelled ones for every four of them."""
    rng = np.random.default_rng(0)
    images = [
        {
            "id": i, "file_name": f"{i:012d}.jpg", "width": 640, "height": 480, "license": 1,
            "coco_url": f"http://images.cocodataset.org/train2017/{i:012d}.jpg",
            "date_captured": "2013-11-14 11:18:45",
        }
        for i in range(1, persons * 4 // 5 + 1)
    ]  # fmt: skip
    annotations = [
        _person(number, int(rng.integers(1, len(images) + 1)), number % 7 < 4, rng)
        for number in range(1, persons * 7 // 4 + 1)
    ]
    record = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    path.write_text(json.dumps(record))


def _person(number: int, image: int, labelled: bool, rng: np.random.Generator) -> dict:
    box = [*rng.uniform(0, 300, 2).round(2).tolist(), *rng.uniform(20, 150, 2).round(2).tolist()]
    triples = np.c_[rng.integers(0, 450, (17, 2)), rng.integers(0, 3, 17)] * labelled
    return {
        "segmentation": [rng.uniform(0, 450, 90).round(2).tolist()],
        "num_keypoints": int((triples[:, 2] > 0).sum()),
        "area": float(box[2] * box[3] / 2),
        "iscrowd": 0,
        "keypoints": triples.ravel().tolist(),
        "image_id": image,
        "bbox": box,
        "category_id": 1,
        "id": number,
    }


def measure(code: str, path: Path) -> tuple[float, float]:
    """Seconds and peak MB of a fresh interpreter that runs `code`."""
    started = time.perf_counter()
    command = [sys.executable, "-c", f"{code}; print(open('/proc/self/status').read())", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak = next(line for line in done.stdout.splitlines() if line.startswith("VmHWM"))
    return time.perf_counter() - started, int(peak.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=150_000, help="labelled ones")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "persons.json"
        write(path, arguments.persons)
        print(f"{arguments.persons} persons, {path.stat().st_size / 2**20:.0f} MB")
        print("| | s | peak MB |\n|---|---|---|")
        for name, code in (("json.load", PLAIN), ("posecache", OURS), ("(imports)", IMPORT)):
            seconds, memory = measure(code, path)
            print(f"| {name} | {seconds:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
