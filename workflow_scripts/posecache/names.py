"""Tables of names: what a name of the configuration stands for, imported when it is asked for.

A new format, network, label loss or encoding is one file and one entry in such a table. One of your
own needs no entry: wherever a name of a table may stand, `module:attribute` may stand too, for any
module that Python finds (PYTHONPATH).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Names(Generic[Thing]):
    """The things of one kind by name; a place is `module:attribute`."""

    kind: str
    places: Mapping[str, str]
    attributes: tuple[str, ...] = ()  # what each thing has

    def __getitem__(self, name: str) -> Thing:
        """What a name stands for; ValueError for one that stands for nothing."""
        thing: Thing = resolve(self.places.get(self.checked(name), name))
        return thing

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def checked(self, name: str) -> str:
        """The name itself; ValueError if it is neither in the table nor a place.

        What stands at a place is imported now, so that a missing one is not noticed hours later.
        """
        if name in self.places:
            return name
        if ":" not in name:
            known = ", ".join(self.places)
            raise ValueError(
                f"unknown {self.kind} {name!r}, expected one of {known}, or module:attribute"
            )
        found = resolve(name)
        if not all(hasattr(found, attribute) for attribute in self.attributes):
            raise ValueError(f"{name}: is no {self.kind}")
        return name


def resolve(place: str) -> Any:
    """What stands at `module:attribute`; ValueError if there is no such module or attribute."""
    name, _, attribute = place.partition(":")
    if not name or name.startswith("."):
        raise ValueError(f"{place}: expected module:attribute")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{place}: {error}") from None
    if not hasattr(module, attribute):
        raise ValueError(f"{place}: the module {name} has no {attribute!r}")
    return getattr(module, attribute)


def deferred(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: its public names, each imported from its module at first use."""

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
