"""Teachers that come as a cache: whether the logits that their students need are there."""

from collections.abc import Iterator
from pathlib import Path

from posecache.config.schema import Config
from posecache.logits import facts


def problems(config: Config) -> Iterator[str]:
    """Each problem in one line, under the key that holds it; all names are known."""
    for name, teacher in config.cached.items():
        try:
            own = teacher.facts
            for store in config.stores_of(name):
                found = facts.read(Path(store))
                if found.model != own.model:
                    told = f"{store} is of model {found.model[:12]}, others of {own.model[:12]}"
                    yield f"teachers.{name}.logits: {told}"
        except ValueError as error:
            yield f"teachers.{name}.logits: {error}"
