"""Where each thing of an experiment lies, and what experiments share.

Sample sets, teachers and their logits lie in the `cache`, students, scores and tables in `results`.
A configuration that extends another and keeps its cache shares with it whatever both describe in
the same way, students and scores too: such a thing is made once and lies where the other experiment
has it. What it describes differently under the same name lies in its own `results`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posecache.config.loading import checked, layers
from posecache.config.schema import Config
from posecache.models.card import CARD_FILE, WEIGHTS_FILE
from posecache.stores.manifest import MANIFEST

Spec = Callable[..., Any]


@dataclass(frozen=True)
class Places:
    """The folders of an experiment's things."""

    config: Config
    base: "Places | None" = None  # the experiment that it extends, where they share a cache

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
        return f"{self._root(samples_spec, name, shared=True)}/samples/{name}"

    def model(self, name: str) -> str:
        """A model's folder."""
        return f"{self._root(model_spec, name, shared=self._is_teacher(name))}/models/{name}"

    def card(self, name: str) -> str:
        """A model's card, which stands for the model."""
        return f"{self.model(name)}/{CARD_FILE}"

    def logits(self, model: str, samples: str) -> str:
        """The folder of a model's logits over a sample set."""
        root = self._root(logits_spec, model, samples, shared=self._is_teacher(model))
        return f"{root}/logits/{model}/{samples}"

    def score(self, model: str, benchmark: str) -> str:
        """The file of a model's score on a benchmark."""
        return f"{self._root(score_spec, model, benchmark)}/scores/{model}/{benchmark}.json"

    def table(self, name: str) -> str:
        """A table's CSV."""
        return f"{self.config.results}/tables/{name}.csv"

    def init(self, model: str) -> str | None:
        """The file of weights that a training run starts from."""
        init, source = self.config.trained[model].init, self.config.init_model(model)
        if source is not None:
            return f"{self.model(source)}/{WEIGHTS_FILE}"
        return None if init is None else init.weights

    def init_input(self, model: str) -> list[str]:
        """The file that changes with those weights: itself, or the card of their model."""
        init, source = self.config.trained[model].init, self.config.init_model(model)
        if source is not None:
            return [self.card(source)]
        return [] if init is None else [init.weights]

    def _is_teacher(self, model: str) -> bool:
        return model in self.config.teachers

    def _root(self, spec: Spec, *names: str, shared: bool = False) -> str:
        """The folder in which a thing's own folder lies."""
        if self.base is not None:
            theirs = _spec_or_none(spec, self.base.config, *names)
            if theirs == spec(self.config, *names):
                return self.base._root(spec, *names, shared=shared)
            if theirs is not None:
                return self.config.results
        return self.cache if shared else self.config.results


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


def _spec_or_none(spec: Spec, config: Config, *names: str) -> Any:
    """What a configuration says about a thing; None if it does not name it."""
    try:
        return spec(config, *names)
    except KeyError:
        return None


def samples_spec(config: Config, name: str) -> Any:
    """All that a sample store depends on."""
    cut = config.logits.model_dump(include={"chunk_rows", "shard_rows"})
    return [config.demo, config.samples[name], cut]


def model_spec(config: Config, name: str) -> Any:
    """All that a model depends on."""
    if name in config.imported:
        return [config.imported[name], config.crop_size(name)]
    train = config.trained[name]
    teachers = config.teachers_of(name)
    return [
        config.recipe(name),
        config.distil(name),
        [samples_spec(config, s) for s in train.samples],
        [logits_spec(config, t, s) for t in teachers for s in train.samples],
        _init_spec(config, name),
    ]


def _init_spec(config: Config, name: str) -> Any:
    source = config.init_model(name)
    return [config.trained[name].init, source and model_spec(config, source)]


def logits_spec(config: Config, model: str, samples: str) -> Any:
    """All that a model's logits over a sample set depend on."""
    how = config.logits.model_dump(exclude={"batch", "jobs"})
    return [model_spec(config, model), samples_spec(config, samples), how]


def score_spec(config: Config, model: str, benchmark: str) -> Any:
    """All that a score depends on."""
    measure = config.benchmarks[benchmark]
    return [logits_spec(config, model, measure.samples), measure]


def manifests(folders: Iterable[str]) -> list[str]:
    """The manifests of stores."""
    return [f"{folder}/{MANIFEST}" for folder in folders]
