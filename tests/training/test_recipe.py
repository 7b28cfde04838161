import pytest
from pydantic import ValidationError

from posecache.models.networks.rtmpose import RTMPose
from posecache.models.networks.variant import VARIANTS
from posecache.models.settings import Refine
from posecache.samples import Augmentation
from posecache.training.recipe import Distil, Recipe, merge
from posecache.training.refusals import unrefined


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


def test_a_network_and_a_loss_of_ones_own_are_accepted() -> None:
    given = Recipe(network="tiny_own:NETWORK", variant=8, loss="tiny_own:absolute")
    assert (given.network, given.variant, given.loss) == (
        "tiny_own:NETWORK",
        8,
        "tiny_own:absolute",
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": "resnet"}, "unknown network 'resnet', expected one of rtmpose"),
        ({"network": "nowhere:NETWORK"}, "nowhere:NETWORK: No module named 'nowhere'"),
        ({"network": "tiny_own:NETWORK"}, "expected a number of channels"),
        ({"loss": "l3"}, "unknown label loss 'l3', expected one of simcc_kl, l2"),
        ({"loss": "tiny_own:relative"}, "the module tiny_own has no 'relative'"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(wrong)


def test_the_last_epochs_have_the_milder_augmentation() -> None:
    given = Recipe(epochs=50, final_epochs=10, augmentation=Augmentation(blur_prob=0.7))
    assert given.augmentation_at(39) == given.augmentation
    final = given.augmentation_at(40)
    assert (final.shift_factor, final.scale_factor) == (0.0, (0.75, 1.25))
    assert (final.rotate_degrees, final.dropout_prob, final.blur_prob) == (60.0, 0.5, 0.7)


def test_sections_are_merged_key_by_key() -> None:
    merged = merge(
        {"epochs": 3, "augmentation": {"blur_prob": 0.2, "flip_prob": 0.1}},
        {"augmentation": {"flip_prob": 0.4}},
    )
    assert merged == {"epochs": 3, "augmentation": {"blur_prob": 0.2, "flip_prob": 0.4}}


@pytest.mark.parametrize(
    ("training", "distil", "message"),
    [
        ({"loss": "l2"}, {}, "training.loss: a refiner has its own"),
        ({}, {"mode": "dwpose"}, "distil.mode: a refiner's poses are weighed by equation-8"),
        ({}, {"temperatures": {"a": 2}}, "distil.temperatures: a refiner learns teachers' poses"),
    ],
)
def test_a_refiner_is_not_told_what_it_does_not_do(
    training: dict[str, object], distil: dict[str, object], message: str
) -> None:
    teachers = Distil.model_validate({"alpha": 0.3, "teachers": {"a": 0.5}} | distil)
    (problem,) = unrefined(Refine(), Recipe.model_validate(training), teachers)
    assert problem.startswith(message)
