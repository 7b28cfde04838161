import argparse

import pytest
from pydantic import ValidationError

from posecache import recipe
from posecache.models.rtmpose import VARIANTS, RTMPose
from posecache.recipe import Augmentation, Recipe


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
        Recipe(augmentation=Augmentation(scale_factor=(0.8, 1.2)), sigma=(2.0, 3.0)),
        Recipe(final_epochs=0, final_augmentation={"blur_prob": 0.0}),
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
        ({"augmentation": {"scale_factor": [1.4, 0.6]}}, "smallest, largest"),
        ({"augmentation": {"speed": 1}}, "speed"),
        ({"final_augmentation": {"speed": 1}}, "speed"),
        ({"input_size": [190, 256]}, "multiples of 32"),
        ({"speed": 3}, "speed"),
    ],
)
def test_impossible_recipes_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(wrong)


def test_the_last_epochs_have_the_milder_augmentation() -> None:
    given = Recipe(epochs=50, final_epochs=10, augmentation=Augmentation(blur_prob=0.7))
    assert given.augmentation_at(39) == given.augmentation
    final = given.augmentation_at(40)
    assert (final.shift_factor, final.scale_factor) == (0.0, (0.75, 1.25))
    assert (final.rotate_degrees, final.dropout_prob, final.blur_prob) == (60.0, 0.5, 0.7)


def test_sections_are_merged_key_by_key() -> None:
    merged = recipe.merge(
        {"epochs": 3, "augmentation": {"blur_prob": 0.2, "flip_prob": 0.1}},
        {"augmentation": {"flip_prob": 0.4}},
    )
    assert merged == {"epochs": 3, "augmentation": {"blur_prob": 0.2, "flip_prob": 0.4}}
