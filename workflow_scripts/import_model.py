"""Import an ONNX pose model: results/models/NAME/ (model.onnx, card.json).

Reads an ONNX file from MMDeploy, rtmlib or posecache's own export. cache_logits.py runs the model.
"""

import argparse
import logging
from pathlib import Path

from posecache.models.importing import import_model
from posecache.stage import run_stage


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="an ONNX file")
    parser.add_argument("--name", required=True)
    parser.add_argument("--skeleton", required=True, help="of the keypoints that it predicts")
    parser.add_argument("--input-size", type=int, nargs=2, metavar=("W", "H"), required=True)
    parser.add_argument("--padding", type=float, default=1.25, help="crop's sides over box's sides")
    parser.add_argument("--color-order", choices=["rgb", "bgr"], default="rgb", help="of its input")
    parser.add_argument("--sha256", metavar="HEX", help="refuse another file than this")
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
        padding=arguments.padding,
        color_order=arguments.color_order,
        expected_sha256=arguments.sha256,
        license=arguments.license,
    )
    logging.info("%s: %s, sha256 %s", card.name, card.source, card.sha256)


if __name__ == "__main__":
    run_stage(main)
