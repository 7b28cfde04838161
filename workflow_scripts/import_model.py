"""Import a pose model: results/models/NAME/ (model.onnx, golden.npz, card.json).

Reads an ONNX file from MMDeploy, rtmlib or posecache's own export, or an RTMPose checkpoint of
MMPose's (.pth). cache_logits.py runs the model.
"""

import argparse
import logging
from pathlib import Path

from posecache.models.importing import import_model
from posecache.stage import run_stage


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="an .onnx or .pth file")
    parser.add_argument("--name", required=True)
    parser.add_argument("--skeleton", required=True, help="of the keypoints that it predicts")
    parser.add_argument("--input-size", type=int, nargs=2, metavar=("W", "H"), required=True)
    parser.add_argument(
        "--crop-size",
        type=int,
        nargs=2,
        metavar=("W", "H"),
        help="of the crop that is stretched to the input size; default: the input size",
    )
    parser.add_argument("--padding", type=float, default=1.25, help="crop's sides over box's sides")
    parser.add_argument("--color-order", choices=["rgb", "bgr"], default="rgb", help="of its input")
    for name in ("mean", "std"):
        text = f"{name} of the 0-255 channels in this order; default: ImageNet's"
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar="C", help=text)
    parser.add_argument("--sha256", metavar="HEX", help="refuse another file; 8 digits or more")
    parser.add_argument("--license", metavar="TEXT", help="of the weights, noted on the card")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    width, height = arguments.input_size
    card = import_model(
        arguments.weights,
        arguments.out,
        name=arguments.name,
        skeleton=arguments.skeleton,
        input_size=(width, height),
        crop_size=arguments.crop_size and tuple(arguments.crop_size),
        padding=arguments.padding,
        color_order=arguments.color_order,
        mean=arguments.mean and tuple(arguments.mean),
        std=arguments.std and tuple(arguments.std),
        expected_sha256=arguments.sha256,
        license=arguments.license,
    )
    logging.info("%s: %s, sha256 %s", card.name, card.source, card.sha256)


if __name__ == "__main__":
    run_stage(main)
