import argparse

import pytest
from pydantic import ValidationError

from posecache import recipe
from posecache.models.rtmpose import VARIANTS, RTMPose
from posecache.recipe import Recipe


def through_command_line(given: Recipe) -> Recipe:
    parser = argparse.ArgumentParser()
    recipe.add_options(parser)
    return recipe.from_options(parser.parse_args(list(recipe.to_options(given))))


@pytest.mark.parametrize(
    "given",
    [
        Recipe(),
        Recipe(variant="s", epochs=3, lr=1e-3, ema=2e-4, clip=1.0, seed=-1),
        Recipe.model_validate(
            {"variant": {"deepen": 0.2, "widen": 0.25, "stride": 16}, "input_size": [64, 96]}
        ),
        Recipe(scale_factor=(0.8, 1.2), sigma=(2.0, 3.0), rotate_degrees=0),
    ],
)
def test_a_recipe_survives_the_command_line(given: Recipe) -> None:
    assert through_command_line(given) == given


def test_defaults_stay_off_the_command_line() -> None:
    assert recipe.to_options(Recipe()) == []
    assert recipe.to_options(Recipe(epochs=7)) == ["--epochs", "7"]


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_every_named_variant_is_a_recipes_variant(variant: str) -> None:
    assert Recipe.model_validate({"variant": variant}).variant == variant
    assert RTMPose(variant, 17, (192, 256)).num_keypoints == 17


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"variant": "xl"}, "variant"),
        ({"epochs": 0}, "epochs"),
        ({"scale_factor": [1.4, 0.6]}, "smallest, largest"),
        ({"input_size": [190, 256]}, "multiples of 32"),
        ({"speed": 3}, "speed"),
    ],
)
def test_impossible_recipes_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(wrong)
