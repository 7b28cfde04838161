from typing import Any, Literal

import pytest
from pydantic import Field, PositiveInt, ValidationError, field_validator

from posecache.settings import Settings, Share, explain
from posecache.training.recipe import Recipe


class Part(Settings):
    share: Share
    mode: Literal["slow", "fast"] = "slow"


class Whole(Settings):
    count: PositiveInt = 1
    name: str = "a"
    parts: dict[str, Part] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 3:
            raise ValueError(f"name {name!r}: expected three letters")
        return name


def explained(section: type[Settings], record: dict[str, Any], prefix: str = "") -> str:
    """What the user reads about a wrong record."""
    with pytest.raises(ValidationError) as caught:
        section.model_validate(record)
    return explain(caught.value, prefix)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"size": 3}, "size: unknown key"),
        ({"parts": {"left": {"share": 1, "sahre": 0}}}, "parts.left.sahre: unknown key"),
        ({"parts": {"left": {}}}, "parts.left.share: this key is missing"),
        (
            {"parts": {"left": {"share": 1.5}}},
            "parts.left.share: input should be less than or equal to 1, got 1.5",
        ),
        (
            {"parts": {"left": {"share": 1, "mode": 7}}},
            "parts.left.mode: input should be 'slow' or 'fast', got 7",
        ),
    ],
)
def test_a_mistake_is_explained_by_its_keys_path(record: dict[str, Any], message: str) -> None:
    assert explained(Whole, record) == message
    assert explained(Whole, record, "whole") == f"whole.{message}"


def test_the_most_specific_of_several_mistakes_is_explained() -> None:
    record = {"size": 3, "parts": {"left": {"share": 1, "mode": "odd"}}}
    assert explained(Whole, record).startswith("parts.left.mode: ")


def test_a_value_that_the_message_names_is_not_repeated() -> None:
    assert explained(Whole, {"name": "long"}) == "name: name 'long': expected three letters"


def test_a_mistake_in_a_networks_own_variant_has_its_path() -> None:
    assert explained(Recipe, {"variant": {"deepen": 1}}) == "variant.widen: this key is missing"
    wide = {"deepen": 1, "widen": "very"}
    assert explained(Recipe, {"variant": wide}, "training").startswith(
        "training.variant.widen: input should be a valid number"
    )


def test_something_else_than_a_section_is_a_record_with_a_mistake() -> None:
    with pytest.raises(ValidationError) as caught:
        Part.model_validate([1])
    assert explain(caught.value).startswith("record: ")


def test_settings_are_closed_and_frozen() -> None:
    part = Part(share=0.5)
    with pytest.raises(ValidationError, match="frozen"):
        part.share = 0.7
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Part.model_validate({"share": 0.5, "shape": 1})
    assert part.share == 0.5
