"""The command predict."""

import argparse
import sys
from pathlib import Path

from posecache.commands.adding import Commands, add_command


def predict(arguments: argparse.Namespace) -> None:
    """Run a model over any pictures: skeletons drawn on them, and a COCO results file."""
    from posecache.predicting.predict import Options, predict

    options = Options(
        boxes=arguments.boxes,
        min_box_score=arguments.min_box_score,
        detector=arguments.detector,
        detector_kind=arguments.detector_kind,
        flip=arguments.flip,
        drawn=arguments.pictures,
        min_score=arguments.min_score,
        batch=arguments.batch,
        device=arguments.device,
        threads=arguments.threads,
    )
    found = predict(arguments.images, arguments.model, arguments.out, options)
    print(f"{arguments.out}: {found.people} people in {found.pictures} pictures")
    if found.problems:
        told = "\n".join(found.problems)
        sys.exit(f"{told}\n{len(found.problems)} pictures are left out")


def add(commands: Commands) -> None:
    """Add it to the command line."""
    command = add_command(commands, "predict", predict)
    command.add_argument("images", type=Path, nargs="+", metavar="IMAGES", help="files or folders")
    command.add_argument("--model", type=Path, required=True, help="its folder")
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--boxes", type=Path, metavar="FILE", help="a detector's results, in COCO's format"
    )
    where.add_argument(
        "--detector",
        type=Path,
        metavar="ONNX",
        help="a detector that rtmlib runs; default: each picture is one person's box",
    )
    command.add_argument("--min-box-score", type=float, help="of the --boxes to keep; default: all")
    command.add_argument(
        "--detector-kind",
        choices=["yolox", "rtmdet", "rfdetr"],
        help="default: as the file's name says",
    )
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="to be made")
    command.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="mean with the mirrored crop's logits",
    )
    command.add_argument(
        "--pictures",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write pictures with skeletons",
    )
    command.add_argument(
        "--min-score", type=float, default=0.2, help="above which a keypoint is drawn"
    )
    command.add_argument("--batch", type=int, default=4, help="crops per forward pass; 64 on a GPU")
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    command.add_argument("--threads", type=int, default=1)
