"""Import a pose model: results/models/NAME/ (model.onnx, golden.npz, card.json).

Reads an ONNX file from MMDeploy, rtmlib or posecache's own export, or an MMPose checkpoint of an
RTMPose (.pth), whose weights are also written to weights.pt. cache_logits.py runs the model.
"""

import argparse
import logging
from pathlib import Path

from posecache import records
from posecache.config.options import add_options, from_options, from_yaml
from posecache.models.importing import import_model
from posecache.models.settings import Import
from posecache.stage import run_stage


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="an .onnx or .pth file")
    parser.add_argument("--name", required=True)
    add_options(parser, Import)
    parser.add_argument(
        "--crop-size",
        type=from_yaml,
        metavar="[W, H]",
        help="px of the crop that is stretched to the input size; default: the input size",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    records.add_option(parser)
    return parser


def main() -> None:
    arguments = options().parse_args()
    with records.recorded(arguments.record):
        card = import_model(
            arguments.weights,
            arguments.out,
            name=arguments.name,
            settings=from_options(arguments, Import),
            crop_size=arguments.crop_size and tuple(arguments.crop_size),
        )
    logging.info("%s: %s, sha256 %s", card.name, card.source, card.sha256)


if __name__ == "__main__":
    run_stage(main)
