"""Train a model from samples and cached logits: results/models/NAME/ (model.onnx, card.json).

Reads results/samples/* and, for every teacher, results/logits/TEACHER/*; no teacher is loaded.
The model is then run by cache_logits.py like any other.
"""

import argparse
import hashlib
from dataclasses import asdict
from pathlib import Path

import torch

from posecache import logits, recipe, samples, skeletons
from posecache.files import fingerprint, sha256
from posecache.models import RTMPose
from posecache.models.card import IMAGENET_MEAN, IMAGENET_STD, Card
from posecache.models.importing import write_model
from posecache.models.onnx_export import to_bytes
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
    parser.add_argument("--init", type=Path, help="a .pth file: the backbone to start from")
    parser.add_argument("--chunk-rows", type=int, default=64)
    parser.add_argument("--memory-mb", type=int, default=2000, help="for decoded samples")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    recipe.add_options(parser)
    return parser.parse_args()


def open_sets(arguments: argparse.Namespace) -> list[TrainingSet]:
    """Each sample store with every teacher's logits over it."""
    sets = []
    for folder in arguments.samples:
        store = samples.open(folder)
        stores = {
            name: logits.open(arguments.logits / name / folder.name, samples=store)
            for name, _ in arguments.teachers
        }
        sets.append(TrainingSet(samples=store, logits=stores))
    return sets


def digest(
    settings: recipe.Recipe, objective: Objective, sets: list[TrainingSet], init: Path | None
) -> str:
    """Identity of a run: its recipe, its objective, and the content of what it reads."""
    return fingerprint(
        {
            "recipe": settings.model_dump(mode="json"),
            "objective": asdict(objective),
            "init": None if init is None else sha256(init),
            "samples": [s.samples.fingerprint for s in sets],
            "logits": [store.fingerprint for s in sets for store in s.logits.values()],
        }
    )


def make_trainer(arguments: argparse.Namespace, settings: recipe.Recipe) -> Trainer:
    sets = open_sets(arguments)
    teachers = {n: skeletons.load(store.skeleton) for n, store in sets[0].logits.items()}
    names = [s.samples.skeleton for s in sets] + [t.name for t in teachers.values()]
    objective = Objective(
        keypoint_loss=settings.loss,
        mode=arguments.mode,
        alpha=arguments.alpha,
        beta=dict(arguments.teachers),
    )
    stream = Stream(
        sets,
        skeletons.union(names),
        batch_size=settings.batch_size,
        seed=settings.seed,
        memory_mb=arguments.memory_mb,
        chunk_rows=arguments.chunk_rows,
        threads=arguments.threads,
    )
    return Trainer(
        settings,
        objective,
        teachers,
        stream,
        arguments.out,
        device=arguments.device,
        identity=digest(settings, objective, sets, arguments.init),
        init=arguments.init,
    )


def save(name: str, trainer: Trainer, model: RTMPose, folder: Path) -> None:
    """The trained model as a folder like any other's."""
    content = to_bytes(model)
    card = Card(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        skeleton=trainer.skeleton.name,
        input_size=trainer.recipe.input_size,
        padding=trainer.recipe.padding,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        sigma=trainer.sigma,
        source="trained by posecache",
        extra={"training": trainer.identity},
    )
    write_model(folder, content, card)


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    trainer = make_trainer(arguments, recipe.from_options(arguments))
    save(arguments.name, trainer, trainer.train(), arguments.out)


if __name__ == "__main__":
    run_stage(main)
