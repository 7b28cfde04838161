"""Settings of a training run that do not go together.

Each function tells why, one line a problem, under the key in question.
"""

from collections.abc import Collection, Iterator, Sequence

from posecache.models.settings import Refine
from posecache.training.recipe import (
    Distil,
    Frozen,
    Init,
    Learning,
    Recipe,
    Structure,
)


def problems(recipe: Recipe, learning: Learning) -> Iterator[str]:
    """Why a run cannot be, whatever it reads."""
    distil, init, refine = learning.distil, learning.init, learning.refine
    yield from clashes(recipe, distil)
    yield from unmoved(init, learning.freeze, refine)
    yield from headless(distil, init, learning.freeze)
    yield from unrefined(refine, recipe, distil)
    yield from unshaped(learning.structure, distil, refine)


def clashes(recipe: Recipe, distil: Distil | None) -> Iterator[str]:
    """Why a recipe and what a model learns from do not go together, under the key in question."""
    if recipe.geometry == "replay" and (distil is None or not distil.teachers):
        yield "training.geometry: replay shows a teacher's crops, and this model has no teacher"
    if distil is None:
        return
    if distil.mode != "equation-8" and recipe.loss != Recipe.model_fields["loss"].default:
        yield f"distil.mode: {distil.mode} has its own label loss, the recipe says {recipe.loss}"
    if distil.mode == "authors-code":
        yield from _beside_the_authors_code(distil)
    elif not any([distil.alpha, *distil.betas.values()]):
        yield "distil.alpha: 0, and so is every teacher's beta: nothing is learnt"


def _beside_the_authors_code(distil: Distil) -> Iterator[str]:
    """Settings that would change what the authors' code minimises."""
    for key in distil.ablated:
        value = getattr(distil, key)
        yield f"distil.{key}: authors-code has its own decay and weights, so not {key}: {value}"


def unmoved(init: Init | None, freeze: Sequence[Frozen], refine: Refine | None) -> Iterator[str]:
    """Why parts cannot be frozen, or a refiner not be added, under the key in question."""
    everything = set(freeze) == {"backbone", "head"}
    if refine is not None and not everything:
        yield "refine: a refiner learns over a finished model: say `freeze: [backbone, head]`"
    if refine is None and everything:
        yield "freeze: the backbone and the head: nothing is left to learn"
    elif freeze and init is None:
        yield f"freeze: the {freeze[0]} would stay at random weights, there is no `init`"
    elif "head" in freeze and init is not None and init.part != "whole":
        yield "freeze: the head would stay at random weights, `init` says `part: backbone`"


def headless(distil: Distil | None, init: Init | None, freeze: Sequence[Frozen]) -> Iterator[str]:
    """Why there is no finished head to teach a fresh one, under the key in question."""
    if distil is None or not distil.itself:
        return
    if init is None or init.part != "backbone" or "backbone" not in freeze:
        yield (
            "distil.itself: the finished head teaches a fresh one over the same features: expected "
            "`init` with `part: backbone`, and `freeze: [backbone]`"
        )


def unrefined(refine: Refine | None, recipe: Recipe, distil: Distil | None) -> Iterator[str]:
    """Settings that say nothing about a refiner, under the key in question."""
    if refine is None:
        return
    if recipe.loss != Recipe.model_fields["loss"].default:
        yield f"training.loss: a refiner has its own, the recipe says {recipe.loss}"
    if distil is not None and distil.mode != "equation-8":
        yield f"distil.mode: a refiner's poses are weighed by equation-8, not {distil.mode}"
    if distil is not None and distil.temperatures:
        yield "distil.temperatures: a refiner learns teachers' poses, which have none"


def unshaped(
    structure: Structure | None, distil: Distil | None, refine: Refine | None
) -> Iterator[str]:
    """Why bones cannot be compared, under the key in question."""
    if structure is not None and distil is not None and distil.mode == "authors-code":
        yield "structure: authors-code minimises what the authors' code does, so not bones"
    if structure is not None and refine is not None:
        yield "structure: the model beneath a refiner is frozen, and a refiner has its own loss"


def unjudged(recipe: Recipe, benchmarks: Collection[str]) -> Iterator[str]:
    """Why it cannot be told which epoch is best, under the key in question."""
    if recipe.keep == "best" and recipe.validate_epochs is None:
        yield "training.keep: best needs `validate_epochs`, between which epochs to choose"
    elif recipe.keep == "best" and not benchmarks:
        yield "training.keep: best needs a benchmark, and this model is scored on none"


def untaught(distil: Distil | None, unlabelled: Sequence[str]) -> Iterator[str]:
    """Why nothing would be learnt from sample sets without labels, under the key in question."""
    if unlabelled and (distil is None or not distil.teaches):
        lacking = "has no teacher" if distil is None else "gives its teachers no weight"
        yield f"samples: {unlabelled[0]} has no labels, and this model {lacking}"
