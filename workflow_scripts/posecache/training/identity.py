"""The identity of a training run: two runs of one identity end at the same weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posecache.files import fingerprint, sha256
from posecache.training.recipe import Learning, Recipe
from posecache.training.stream import TrainingSet, skeleton_of


def identity(recipe: Recipe, learning: Learning, sets: Sequence[TrainingSet]) -> str:
    """A digest of the recipe, the objective, and the content of what the run reads."""
    distil, init = learning.distil, learning.init
    added: dict[str, Any] = {"freeze": sorted(learning.freeze)} if learning.freeze else {}
    if learning.refine is not None:
        links = skeleton_of(sets).links
        added["refine"] = learning.refine.model_dump(mode="json") | {"links": links}
    if learning.structure is not None:
        added["structure"] = learning.structure.identity(skeleton_of(sets))
    return fingerprint(
        {
            "recipe": recipe.identity,
            "distil": None if distil is None else distil.identity,
            "init": None if init is None else [sha256(Path(init.weights)), init.part],
            **added,
            "samples": [s.samples.fingerprint for s in sets],
            "logits": [store.fingerprint for s in sets for store in s.logits.values()],
        }
    )
