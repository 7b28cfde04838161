import math
from types import ModuleType

import pytest

from posecache import logits, models, samples, scores
from posecache.names import Names, deferred
from posecache.samples.store import SampleStore

CONSTANTS: Names[float] = Names("constant", {"pi": "math:pi", "absent": "nowhere:thing"})
PACKAGES = [logits, models, samples, scores]


def test_a_table_lists_its_names_and_imports_what_is_asked_for() -> None:
    assert list(CONSTANTS) == ["pi", "absent"]
    assert CONSTANTS["pi"] == math.pi


def test_a_place_of_your_own_needs_no_entry() -> None:
    assert CONSTANTS["math:tau"] == math.tau


def test_a_name_of_the_table_is_checked_without_an_import_and_a_place_by_one() -> None:
    assert CONSTANTS.checked("absent") == "absent"
    assert CONSTANTS.checked("math:tau") == "math:tau"
    with pytest.raises(ValueError, match="nowhere:thing: No module named 'nowhere'"):
        CONSTANTS.checked("nowhere:thing")


def test_an_unknown_name_lists_the_known() -> None:
    message = "unknown constant 'phi', expected one of pi, absent, or module:attribute"
    with pytest.raises(ValueError, match=f"^{message}$"):
        CONSTANTS.checked("phi")
    with pytest.raises(ValueError, match=f"^{message}$"):
        CONSTANTS["phi"]


@pytest.mark.parametrize("name", ["absent", "nowhere:thing"])
def test_a_missing_module_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"^nowhere:thing: No module named 'nowhere'$"):
        CONSTANTS[name]


def test_a_place_of_another_kind_of_thing_is_refused() -> None:
    networks: Names[object] = Names("network", {}, attributes=("check", "factory"))
    with pytest.raises(ValueError, match=r"^os:path: is no network$"):
        networks.checked("os:path")
    with pytest.raises(ValueError, match=r"^math:pi: is no label loss$"):
        Names[object]("label loss", {}, attributes=("__call__",)).checked("math:pi")


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(ValueError, match=r"^math:phi: the module math has no 'phi'$"):
        CONSTANTS["math:phi"]


def test_a_deferred_name_is_what_its_module_has() -> None:
    find = deferred("posecache.samples", {"SampleStore": "store"})
    assert find("SampleStore") is SampleStore
    with pytest.raises(
        AttributeError, match=r"^module 'posecache\.samples' has no attribute 'Store'$"
    ):
        find("Store")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_packages_public_names_stay_what_they_are(package: ModuleType) -> None:
    for name in package.__all__:
        # Importing a submodule of the same name would put it in the name's place.
        first, again = getattr(package, name), getattr(package, name)
        assert first is again
        assert not isinstance(again, ModuleType)
    assert not hasattr(package, "nothing")
