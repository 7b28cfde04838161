"""Where each thing of an experiment lies, and what experiments share.

Sample sets, teachers and their logits lie in the `cache`, students, scores and tables in `results`.
A configuration that extends another and keeps its cache shares with it whatever both describe in
the same way, students and scores too: such a thing is made once and lies where the other experiment
has it. What it describes differently under the same name lies in its own `results`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from posecache.config.loading import checked, layers
from posecache.config.schema import Config
from posecache.config.things import Thing, Things
from posecache.models.card import CARD_FILE, WEIGHTS_FILE
from posecache.stores.manifest import MANIFEST


@dataclass(frozen=True)
class Places:
    """The folders of an experiment's things."""

    config: Config
    base: "Places | None" = None  # the experiment that it extends, where they share a cache

    @cached_property
    def things(self) -> Things:
        """What the experiment's things are made from."""
        return Things(self.config)

    @property
    def cache(self) -> str:
        """The folder of what experiments share."""
        return self.config.cache or self.config.results

    @property
    def roots(self) -> list[str]:
        """All folders in which things may lie."""
        below = [] if self.base is None else self.base.roots
        return list(dict.fromkeys([self.config.results, self.cache, *below]))

    def samples(self, name: str) -> str:
        """A sample store's folder."""
        return f"{self._root('samples', name, shared=True)}/samples/{name}"

    def model(self, name: str) -> str:
        """A model's folder."""
        return f"{self._root('model', name, shared=self._is_teacher(name))}/models/{name}"

    def card(self, name: str) -> str:
        """A model's card, which stands for the model."""
        return f"{self.model(name)}/{CARD_FILE}"

    def logits(self, model: str, samples: str) -> str:
        """The folder of a model's logits over a sample set."""
        if model in self.config.cached:
            return self.config.cached[model].store(samples)
        root = self._root("logits", model, samples, shared=self._is_teacher(model))
        return f"{root}/logits/{model}/{samples}"

    def score(self, model: str, benchmark: str) -> str:
        """The file of a model's score on a benchmark."""
        return f"{self._root('score', model, benchmark)}/scores/{model}/{benchmark}.json"

    def output(self, thing: Thing) -> str:
        """The file that stands for a thing once it is made."""
        names = thing.names
        match thing.kind:
            case "demo":
                return names[0]
            case "samples":
                return f"{self.samples(*names)}/{MANIFEST}"
            case "model":
                return self.card(*names)
            case "logits":
                return f"{self.logits(*names)}/{MANIFEST}"
            case "score":
                return self.score(*names)
            case "annotations":
                return f"{self._root(thing.kind, *names)}/annotations/{names[0]}.json"
            case "active_learning":
                return f"{self._root(thing.kind, *names)}/active_learning/{names[0]}.csv"
            case "report":
                return f"{self.config.results}/report/{names[0]}.html"
        return self.table(*names)

    def table(self, name: str) -> str:
        """A table's CSV."""
        return f"{self.config.results}/tables/{name}.csv"

    def init(self, model: str) -> str | None:
        """The file of weights that a training run starts from."""
        init, source = self.config.trained[model].init, self.config.init_model(model)
        if source is not None:
            return f"{self.model(source)}/{WEIGHTS_FILE}"
        return None if init is None else init.weights

    def _is_teacher(self, model: str) -> bool:
        return model in self.config.teachers

    def _root(self, kind: str, *names: str, shared: bool = False) -> str:
        """The folder in which a thing's own folder lies."""
        if self.base is not None:
            theirs = self.base._find(kind, *names)
            if theirs == self.things.find(kind, *names):
                return self.base._root(kind, *names, shared=shared)
            if theirs is not None:
                return self.config.results
        return self.cache if shared else self.config.results

    def _find(self, kind: str, *names: str) -> Thing | None:
        """A thing; None if the configuration does not describe it."""
        try:
            return self.things.find(kind, *names)
        except KeyError:
            return None


def open_experiment(files: Iterable[str | Path], given: Mapping[str, Any]) -> Places:
    """The checked experiment that configuration files and the command line's --config describe.

    Raises a one-line ValueError.
    """
    *below, own = layers([Path(file) for file in files], given)
    base: Places | None = None
    for layer in below:
        try:
            config = checked(layer)
        except ValueError:  # incomplete by itself; its mistakes show in the last layer
            continue
        base = _sharing(config, base)
    return _sharing(checked(own), base)


def _sharing(config: Config, base: Places | None) -> Places:
    """A configuration's places, on top of the base's if both have the same cache."""
    alone = Places(config)
    return alone if base is None or base.cache != alone.cache else Places(config, base)
