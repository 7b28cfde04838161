"""Parts of a configuration that are right by themselves and do not go together."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from posecache import skeletons
from posecache.config.schema import Config
from posecache.tables.table import Table
from posecache.training.refusals import problems, unjudged, untaught

HEAD = ("network", "variant", "input_size")  # what recipes share whose heads are alike
PROTOCOL = ("metric", "samples", "rescore", "nms")  # what the benchmarks of a column share


def conflicts(config: Config) -> Iterator[str]:
    """Each conflict in one line, under the key that holds it; all names are known."""
    for check in (
        _caches,
        _recipes,
        _heads,
        _replayed,
        _stretched,
        _head_sizes,
        _keypoints,
        _protocols,
    ):
        yield from check(config)


def _caches(config: Config) -> Iterator[str]:
    """Scores of teachers that come as a cache: there is nothing that could be run."""
    parts = [(f"tables.paper.{part}", model) for part, model in config.tables.parts.items()]
    for key, model in [*parts, *((key, model) for key, model, _ in _scored(config))]:
        if model in config.cached:
            yield f"{key}: {model} comes as a cache: it cannot be run, and so not be scored"


def _recipes(config: Config) -> Iterator[str]:
    """Recipes that do not suit what a model learns from."""
    for name in config.trained:
        learning, recipe = config.learning(name), config.recipe(name)
        found = (
            problems(recipe, learning),
            untaught(learning.distil, config.unlabelled(name)),
            unjudged(recipe, config.benchmarks_of(name)),
            _boneless(config, name),
        )
        for clash in chain.from_iterable(found):
            yield f"{config.trained_key(name)}.{clash}"


def _boneless(config: Config, model: str) -> Iterator[str]:
    """A loss of bones where the model's skeleton has none, under the key in question."""
    structure, name = config.trained[model].structure, config.skeleton(model)
    if structure is not None and not structure.joined(skeletons.load(name)):
        yield f"structure.pairs: {structure.pairs}: {name} has none"


def _heads(config: Config) -> Iterator[str]:
    """Students that a finished head is to teach which is not like their own."""
    for name in config.runs:
        distil, source = config.distil(name), config.init_model(name)
        if distil is None or not distil.itself or source is None:
            continue
        known = [skeletons.load(config.skeleton(model)).keypoints for model in (name, source)]
        if known[0] != known[1]:
            told = f"the keypoints of {config.skeleton(source)}, not {config.skeleton(name)}"
            yield f"{config.trained_key(name)}.distil.itself: the head of {source} has {told}"
        if source in config.trained:
            yield from _unlike(config, name, source)
        if source in config.trained and config.refine(source) is not None:
            yield f"{config.trained_key(name)}.distil.itself: {source} has a refiner over its head"


def _unlike(config: Config, model: str, source: str) -> Iterator[str]:
    """Keys of the recipe in which two trained models must agree for their heads to be alike."""
    own, other = config.recipe(model), config.recipe(source)
    for key in HEAD:
        mine, its = getattr(own, key), getattr(other, key)
        if mine != its:
            where = f"{config.trained_key(model)}.distil.itself"
            yield f"{where}: the head of {source} has {key} {its}, not {mine}"


def _replayed(config: Config) -> Iterator[str]:
    """Students that are shown their teachers' crops, where the teachers have unlike numbers."""
    for name in config.runs:
        if config.recipe(name).geometry != "replay":
            continue
        counts = {teacher: config.view_count(teacher) for teacher in config.teachers_of(name)}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{teacher} {count}" for teacher, count in counts.items())
            key = f"{config.trained_key(name)}.training.geometry"
            yield f"{key}: replay of unlike numbers of views: {told}"


def _stretched(config: Config) -> Iterator[str]:
    """Teachers that see their students' crop, where those have none in common."""
    for name, teacher in config.imported.items():
        if teacher.crop == "native":
            continue
        sizes = {s: config.recipe(s).input_size for s in config.students_of(name)}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{student} {list(size)}" for student, size in sizes.items())
            yield f"teachers.{name}.crop: stretch needs students of one input_size, got {told}"


def _head_sizes(config: Config) -> Iterator[str]:
    """PCKh over samples that are known to have no head sizes; COCO's format may have some."""
    for name, benchmark in config.benchmarks.items():
        samples = config.samples[benchmark.samples]
        common = samples.format == "mpii" and Path(samples.annotations).suffix == ".json"
        if benchmark.metric == "pckh" and common and samples.head_boxes is None:
            yield (
                f"benchmarks.{name}.metric: pckh needs head sizes, which {samples.annotations} has "
                f"not: samples.{benchmark.samples} needs `head_boxes`"
            )


def _keypoints(config: Config) -> Iterator[str]:
    """Benchmarks that count no keypoint at all, or none of a model's."""
    for name, benchmark in config.benchmarks.items():
        if not config.benchmark_skeleton(name).num_keypoints:
            own = config.samples[benchmark.samples].skeleton
            yield f"benchmarks.{name}.shared_with: {benchmark.shared_with} has no keypoint of {own}"
    for key, model, benchmark_name in _scored(config):
        known = skeletons.load(config.skeleton(model))
        if not set(config.benchmark_skeleton(benchmark_name).keypoints) & set(known.names):
            yield f"{key}: {model} predicts no keypoint that {benchmark_name} counts"


def _scored(config: Config) -> Iterator[tuple[str, str, str]]:
    """The key, the model and the benchmark of each score that the configuration names itself."""
    for name, run in config.runs.items():
        for benchmark in run.benchmarks or []:
            yield f"{config.trained_key(name)}.benchmarks", name, benchmark
    for key, listed in config.tables.listed.items():
        for name, benchmarks in listed.items():
            for benchmark in benchmarks:
                yield f"{key}.{name}", name, benchmark
    for name, entry in config.own_tables.items():
        own = name in config.tables.own
        key = f"tables.own.{name}" if own else f"sweeps.{name.removeprefix('sweep_')}"
        for model, benchmark in entry.table().scores:
            yield key, config.models_of(model)[0], benchmark


def _protocols(config: Config) -> Iterator[str]:
    """Tables in which one column would hold numbers of different protocols."""
    for name, table in config.filled_tables.items():
        for dataset, benchmarks in _by_dataset(table).items():
            first, *others = benchmarks
            for other in others:
                a, b = config.benchmarks[first], config.benchmarks[other]
                for key in PROTOCOL:
                    if getattr(a, key) != getattr(b, key):
                        yield (
                            f"benchmarks.{other}.{key}: {name} would mix protocols on {dataset}: "
                            f"{getattr(b, key)} here, {getattr(a, key)} in benchmarks.{first}"
                        )


def _by_dataset(table: Table) -> dict[str, list[str]]:
    """The benchmarks behind a table's columns, by the dataset of the columns."""
    found: dict[str, list[str]] = {}
    for row in table.rows:
        for dataset, benchmark in row.benchmarks.items():
            named = found.setdefault(dataset, [])
            if benchmark not in named:
                named.append(benchmark)
    return found
