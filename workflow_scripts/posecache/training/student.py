"""From samples and cached logits to a model's folder: one student, or one home-trained teacher."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from posecache import logits, samples, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.logits.store import LogitStore
from posecache.models.card import Card
from posecache.models.checkpoint import as_bytes
from posecache.models.export import is_refined, to_bytes
from posecache.models.folder import write_model
from posecache.models.networks import NETWORKS
from posecache.models.networks.refined import Refining
from posecache.samples.store import SampleStore
from posecache.training.identity import identity
from posecache.training.losses import Objective
from posecache.training.ranks import Ranks
from posecache.training.recipe import Learning, Recipe, Validating
from posecache.training.refining import Progress
from posecache.training.refusals import unjudged
from posecache.training.resident import Keeping
from posecache.training.room import Wanted, training_bytes
from posecache.training.stream import Stream, TrainingSet, skeleton_of
from posecache.training.structure import Bones
from posecache.training.teaching import Teacher, Teaching
from posecache.training.trainer import ALONE, Trainer

if TYPE_CHECKING:
    from posecache.training.validation import Validation

NOT_VALIDATED = Validating()


def open_sets(
    sample_folders: Sequence[Path], logit_folders: Mapping[str, Sequence[Path]]
) -> list[TrainingSet]:
    """Each sample store with every teacher's logits over it, by the teacher's name.

    Over which people its logits are a store says itself. Raises ValueError where a teacher has none
    over a sample set, and where they are of several models.
    """
    sets = []
    for folder in sample_folders:
        store = samples.open(folder)
        own = {name: _over(store, name, given) for name, given in logit_folders.items()}
        sets.append(TrainingSet(samples=store, logits=own))
    _check_models(sets)
    return sets


def _check_models(sets: Sequence[TrainingSet]) -> None:
    """ValueError where one teacher's logits over several sample sets are of several models."""
    for name in sets[0].logits:
        found = {s.logits[name].identity["model"]: str(s.logits[name].folder) for s in sets}
        if len(found) > 1:
            raise ValueError(f"logits of {name} are of several models: {', '.join(found.values())}")


def _over(store: SampleStore, teacher: str, folders: Sequence[Path]) -> LogitStore:
    """A teacher's logits over a sample set; rather those over nobody else."""
    problems = []
    stores = [logits.open(folder) for folder in folders]
    for found in sorted(stores, key=lambda s: s.identity["samples"] != store.people.digest):
        try:
            return found.over(store)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(
        f"{store.folder}: there are no logits of {teacher} over it: "
        f"{'; '.join(problems) or 'none are given'}"
    )


def make_trainer(
    sets: Sequence[TrainingSet],
    recipe: Recipe,
    learning: Learning,
    folder: Path,
    *,
    memory_mb: float,
    device: str = "cpu",
    threads: int = 1,
    ranks: Ranks = ALONE,
    pictures: Wanted = "auto",
    validating: Validating = NOT_VALIDATED,
    compiled: bool = False,
    show: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
) -> Trainer:
    """The run that trains a student of the union of all skeletons of its sets and teachers.

    `memory_mb` and `threads` are for each of the `ranks`. Raises ValueError for whatever Teaching,
    Stream, Validation and the network refuse.
    """
    teachers = {
        name: Teacher.of(store, skeletons.load(store.skeleton))
        for name, store in sets[0].logits.items()
    }
    skeleton = skeleton_of(sets)
    stream = Stream(
        sets,
        skeleton,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        memory_mb=memory_mb,
        drop_last=recipe.drop_last,
        threads=threads,
        share=ranks,
        keeping=Keeping(
            pictures=pictures,
            device=device,
            training=training_bytes(recipe.batch_size, recipe.input_size),
            folder=folder,
        ),
    )
    network = NETWORKS[recipe.network]
    structure = learning.structure
    bones = None if structure is None else Bones.of(structure, skeleton, device)
    objective = Objective(label_loss=recipe.loss, distil=learning.distil, bones=bones)
    teaching = Teaching(recipe, skeleton, teachers, device, as_authors=objective.as_authors)
    build: Callable[[], nn.Module]
    build = partial(network.build, recipe.variant, skeleton.num_keypoints, recipe.input_size)
    progress, refine = None, learning.refine
    if refine is not None:
        build = Refining(coarse=build, refine=refine, skeleton=skeleton)
        progress = Progress(
            distil=learning.distil, steps=refine.weights, input_size=recipe.input_size
        )
    return Trainer(
        recipe,
        objective,
        teaching,
        stream,
        build,
        folder,
        identity=identity(recipe, learning, sets),
        progress=progress,
        init=learning.init,
        frozen=learning.freeze,
        ranks=ranks,
        validation=_validation(validating, teaching, folder, threads),
        compiled=compiled,
        show=show,
    )


def _validation(
    validating: Validating, teaching: Teaching, folder: Path, threads: int
) -> "Validation | None":
    """What validates the run, if it is asked for; ValueError where its best epoch is and cannot be
    told."""
    for problem in unjudged(teaching.recipe, validating.benchmarks):
        raise ValueError(problem)
    if teaching.recipe.validate_epochs is None or not validating.benchmarks:
        return None
    from posecache.training.validation import Validation

    return Validation(validating, teaching, folder, threads)


def train(name: str, trainer: Trainer, stops: Sequence[str] = ()) -> None:
    """Train to the end; the first of the run's processes writes the model into its folder.

    Raises StoppedError after a step at which `stops` lists a signal.
    """
    model, recipe, teaching = trainer.train(stops), trainer.recipe, trainer.teaching
    if not trainer.ranks.first:
        return
    content = to_bytes(model, recipe.input_size)
    card = Card(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        skeleton=teaching.skeleton.name,
        input_size=recipe.input_size,
        padding=recipe.padding,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        refined=is_refined(content),
        split_ratio=trainer.objective.split_ratio,
        sigma=teaching.sigma,
        beta=trainer.objective.beta,
        source="trained by posecache",
        extra={"training": trainer.identity},
    )
    write_model(trainer.folder, card, content, as_bytes(model.state_dict()))
