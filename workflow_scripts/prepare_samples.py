"""Read an annotation file and write its sample store: results/samples/SAMPLESET/.

Training sets also get an enlarged crop around each person (--crop-size). cache_logits.py,
train_student.py and score.py read the store.
"""

import argparse
from pathlib import Path

from posecache import datasets, samples
from posecache.datasets.records import GROUND_TRUTH
from posecache.stage import run_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=sorted(datasets.READERS), required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--skeleton", required=True)
    parser.add_argument(
        "--boxes", default=GROUND_TRUTH, help="gt, or a detector's results (COCO's format)"
    )
    parser.add_argument("--head-boxes", type=Path, help="mpii_gt_val.mat, for the MPII JSON")
    parser.add_argument("--images-list", type=Path, help="text file: the images to keep")
    parser.add_argument("--crop-size", type=int, help="px; without it no crops are stored")
    parser.add_argument("--crop-context", type=float, default=1.5)
    parser.add_argument("--crop-quality", type=int, default=95)
    parser.add_argument("--chunk-rows", type=int, default=64)
    parser.add_argument("--shard-rows", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    recipe = None
    if arguments.crop_size is not None:
        recipe = samples.CropRecipe(
            size=arguments.crop_size,
            context=arguments.crop_context,
            quality=arguments.crop_quality,
        )
    wanted = None
    if arguments.images_list is not None:
        wanted = frozenset(arguments.images_list.read_text().split("\n")) - {""}
    source = datasets.Source(
        format=arguments.format,
        annotations=arguments.annotations,
        image_root=arguments.images,
        skeleton=arguments.skeleton,
        wanted=wanted,
        boxes=None if arguments.boxes == GROUND_TRUTH else Path(arguments.boxes),
        head_boxes=arguments.head_boxes,
    )
    samples.prepare(
        datasets.read(source),
        arguments.out,
        recipe=recipe,
        chunk_rows=arguments.chunk_rows,
        shard_rows=arguments.shard_rows,
        threads=arguments.threads,
    )


if __name__ == "__main__":
    run_stage(main)
