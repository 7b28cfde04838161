"""Train a model from samples and cached logits: results/models/NAME/ (model.onnx, card.json).

Reads results/samples/* and, for every teacher, results/logits/TEACHER/*; no teacher is loaded.
The model is then run by cache_logits.py like any other.
"""

import argparse
from pathlib import Path

import torch

from posecache import logits, recipe, samples, skeletons
from posecache.files import fingerprint, sha256
from posecache.models.card import CARD_FILE, IMAGENET_MEAN, IMAGENET_STD, MODEL_FILE, Card
from posecache.models.onnx_export import export
from posecache.stage import run_stage
from posecache.training.losses import Objective
from posecache.training.stream import Stream, TrainingSet
from posecache.training.trainer import Trainer


def teacher_weight(text: str) -> tuple[str, float]:
    """`NAME=BETA` of the command line."""
    name, _, beta = text.partition("=")
    return name, float(beta)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--samples", type=Path, nargs="+", required=True, help="sample stores")
    parser.add_argument("--logits", type=Path, help="folder of the stores TEACHER/SAMPLESET")
    parser.add_argument(
        "--teachers", type=teacher_weight, nargs="+", default=[], metavar="NAME=BETA"
    )
    parser.add_argument("--alpha", type=float, default=1.0, help="weight of the labels, Eq. 8")
    parser.add_argument("--mode", choices=["equation-8", "authors-code"], default="equation-8")
    parser.add_argument("--chunk-rows", type=int, default=64)
    parser.add_argument("--memory-mb", type=int, default=2000, help="for decoded samples")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    recipe.add_options(parser)
    return parser.parse_args()


def open_set(folder: Path, logits_folder: Path, teachers: list[str]) -> TrainingSet:
    """A sample store with the stores of every teacher's logits over it."""
    store = samples.open(folder)
    stores = {
        name: logits.open(logits_folder / name / folder.name, samples=store) for name in teachers
    }
    return TrainingSet(samples=store, logits=stores)


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    settings = recipe.from_options(arguments)
    beta = dict(arguments.teachers)
    sets = [open_set(folder, arguments.logits, list(beta)) for folder in arguments.samples]
    teachers = {name: skeletons.load(sets[0].logits[name].skeleton) for name in beta}
    names = [s.samples.skeleton for s in sets] + [t.name for t in teachers.values()]
    skeleton = skeletons.union(names)
    objective = Objective(
        keypoint_loss=settings.loss, mode=arguments.mode, alpha=arguments.alpha, beta=beta
    )
    identity = fingerprint(
        {
            "recipe": settings.model_dump(mode="json"),
            "objective": [settings.loss, arguments.mode, arguments.alpha, beta],
            "samples": [s.samples.fingerprint for s in sets],
            "logits": [s.logits[name].fingerprint for s in sets for name in beta],
        }
    )
    stream = Stream(
        sets,
        skeleton,
        batch_size=settings.batch_size,
        seed=settings.seed,
        memory_mb=arguments.memory_mb,
        chunk_rows=arguments.chunk_rows,
    )
    trainer = Trainer(
        settings,
        objective,
        teachers,
        stream,
        arguments.out,
        device=arguments.device,
        identity=identity,
    )
    model = trainer.train().cpu()
    export(model, arguments.out / MODEL_FILE)
    card = Card(
        name=arguments.name,
        sha256=sha256(arguments.out / MODEL_FILE),
        skeleton=skeleton.name,
        input_size=settings.input_size,
        padding=settings.padding,
        color_order="rgb",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        source="trained by posecache",
        extra={"training": identity},
    )
    card.save(arguments.out / CARD_FILE)


if __name__ == "__main__":
    run_stage(main)
