"""What may be wrong in a configuration of valid sections: recipes, and names that point nowhere."""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError

from posecache.recipe import Recipe, merge
from posecache.validation import explain

if TYPE_CHECKING:
    from posecache.config import Config


def problems(config: "Config") -> Iterator[str]:
    """Each problem in one line, under the key that holds it."""
    for check in (_recipes, _models, _benchmarks, _tables):
        yield from check(config)


def _recipes(config: "Config") -> Iterator[str]:
    """Problems of the training recipes."""
    sections = {"training": config.training}
    for name, train in config.trained.items():
        sections[f"{_key(config, name)}.training"] = merge(config.training, train.training)
    for key, record in sections.items():
        try:
            Recipe.model_validate(record)
        except ValidationError as error:
            yield explain(error, key)


def _key(config: "Config", name: str) -> str:
    """Where a trained model stands."""
    return f"students.{name}" if name in config.students else f"teachers.{name}.train"


def _models(config: "Config") -> Iterator[str]:
    """Models named twice, and sample sets and teachers that there are not."""
    for name in config.students:
        if name in config.teachers:
            yield f"students.{name}: a teacher has this name too"
    for name, train in config.trained.items():
        key = f"{_key(config, name)}.samples"
        yield from _unknown(key, train.samples, config.samples)
        for sampleset in train.samples:
            if sampleset in config.samples and config.samples[sampleset].crops is None:
                yield f"{key}: samples.{sampleset} stores no crops to train from (key `crops`)"
    for name, student in config.students.items():
        if student.distil is not None:
            key = f"students.{name}.distil.teachers"
            yield from _unknown(key, student.distil.teachers, config.teachers)


def _benchmarks(config: "Config") -> Iterator[str]:
    """Benchmarks of sample sets that there are not, or that their metric does not suit."""
    for name, benchmark in config.benchmarks.items():
        key = f"benchmarks.{name}"
        yield from _unknown(f"{key}.samples", [benchmark.samples], config.samples)
        samples = config.samples.get(benchmark.samples)
        if benchmark.metric == "oks" and samples is not None and samples.format == "mpii":
            yield f"{key}.metric: oks needs a format other than mpii"
        if benchmark.metric == "pckh" and samples is not None and samples.boxes != "gt":
            yield f"{key}.metric: pckh needs a sample set with `boxes: gt`"


def _tables(config: "Config") -> Iterator[str]:
    """Models and benchmarks of the tables that there are not."""
    models = [*config.teachers, *config.students]
    for part, name in config.tables.models.items():
        yield from _unknown(f"tables: {part}", [name], models)
    for name, benchmarks in config.tables.teachers.items():
        yield from _unknown("tables.teachers", [name], config.teachers)
        yield from _unknown(f"tables.teachers.{name}", benchmarks, config.benchmarks)


def _unknown(key: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """One problem for each of `names` that is not among `known`."""
    expected = ", ".join(known) or "none defined"
    for name in names:
        if name not in known:
            yield f"{key}: unknown name {name!r}, expected one of {expected}"
