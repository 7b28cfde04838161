"""RTMPose's sizes, as a recipe gives them."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from posecache.models import Variant
from posecache.models.networks.variant import VARIANTS, check, named

SIZE = (192, 256)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_name_stands_for_the_published_size(name: str) -> None:
    assert check(name, SIZE) == named(name) == VARIANTS[name]


def test_a_record_and_a_variant_are_accepted() -> None:
    own = Variant(deepen=0.5, widen=0.25, stride=16)
    assert check({"deepen": 0.5, "widen": 0.25, "stride": 16}, SIZE) == own
    assert check(own, SIZE) == named(own) == own
    assert check({"deepen": 0.5, "widen": 0.25}, SIZE).stride == 32


@pytest.mark.parametrize("given", ["x", 3, None, {"deepen": 1.0}, {"depth": 1, "widen": 1}])
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        check(given, SIZE)


@pytest.mark.parametrize(("stride", "sides"), [(32, (200, 256)), (16, (200, 256))])
def test_an_input_that_the_stride_does_not_divide_is_refused(
    stride: int, sides: tuple[int, int]
) -> None:
    variant = {"deepen": 1.0, "widen": 1.0, "stride": stride}
    message = re.escape(f"input_size {sides}: expected multiples of {stride}")
    with pytest.raises(ValueError, match=message):
        check(variant, sides)


def test_bad_stride_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"stride\n  Input should be 16 or 32"):
        Variant(deepen=1.0, widen=1.0, stride=8)


@pytest.mark.parametrize(
    ("deepen", "widen", "message"),
    [
        (0.0, 1.0, r"deepen\n  Input should be greater than 0"),
        (1.0, 0.03, r"widen\n  Input should be greater than or equal to 0.03125"),
    ],
)
def test_empty_networks_are_refused(deepen: float, widen: float, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Variant(deepen=deepen, widen=widen)
