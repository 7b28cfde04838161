"""Checks of a configuration whose sections are valid: recipes, and names that refer to nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from pydantic import ValidationError

from posecache.config import caches, sweeps
from posecache.config.conflicts import conflicts
from posecache.config.models import Train
from posecache.config.schema import Config
from posecache.datasets.records import GROUND_TRUTH
from posecache.datasets.settings import FORMATS
from posecache.models.settings import is_checkpoint
from posecache.runs import student_of
from posecache.scores.settings import NUMBERS
from posecache.settings import explain
from posecache.tables.specs import PARTS, TABLES, TAKEN
from posecache.training.recipe import Recipe, merge


def problems(config: Config) -> Iterator[str]:
    """Each problem in one line, under the key that holds it."""
    models = (_recipes, _gpus, _models, _init, _circles)
    tables = (_benchmarks, _published_tables, _own_tables, _swept_tables, _said)
    for check in (*models, *tables, _report, _speeds, caches.problems, conflicts):
        yield from check(config)


def sweep_problems(config: Config) -> Iterator[str]:
    """Each problem of recipes and of sweeps' students, before these are written out."""
    yield from _recipes(config)
    for name, sweep in config.sweeps.items():
        yield from _unknown(f"sweeps.{name}.student", [sweep.student], config.students)
        student = sweeps.entry_of(config.students[sweep.student], config.training)
        yield from sweeps.problems(name, sweep, student)


def _recipes(config: Config) -> Iterator[str]:
    """Problems of the training recipes."""
    sections = {"training": config.training}
    for name, train in config.trained.items():
        sections[f"{config.trained_key(name)}.training"] = merge(config.training, train.training)
    for key, record in sections.items():
        try:
            Recipe.model_validate(record)
        except ValidationError as error:
            yield explain(error, key)


def _gpus(config: Config) -> Iterator[str]:
    """Runs of more processes than a batch has samples."""
    for name, train in config.trained.items():
        size = config.recipe(name).batch_size
        if train.gpus > size:
            key = f"{config.trained_key(name)}.gpus"
            yield f"{key}: {train.gpus} is more than training.batch_size, {size}"


def _models(config: Config) -> Iterator[str]:
    """Models named twice, and named sample sets, teachers and benchmarks that do not exist."""
    for name in config.students:
        if name in config.teachers:
            yield f"students.{name}: a teacher has this name too"
    for name, train in config.trained.items():
        yield from _training_sets(config, f"{config.trained_key(name)}.samples", train)
    models = [*config.teachers, *config.students]
    for name, run in config.runs.items():
        key, teachers = config.trained_key(name), [] if run.distil is None else run.distil.teachers
        yield from _unknown(f"{key}.distil.teachers", teachers, models)
        yield from _unknown(f"{key}.benchmarks", run.benchmarks or [], config.benchmarks)


def _training_sets(config: Config, key: str, train: Train) -> Iterator[str]:
    """Named sample sets that do not exist, and those that are not for training."""
    yield from _unknown(key, train.samples, config.samples)
    for sampleset in train.samples:
        if sampleset in config.samples and config.samples[sampleset].crops is None:
            yield f"{key}: samples.{sampleset} stores no crops to train from (key `crops`)"


def _init(config: Config) -> Iterator[str]:
    """Models that start from one without weights."""
    for name in config.trained:
        key, source = f"{config.trained_key(name)}.init", config.init_model(name)
        if source in config.cached:
            yield f"{key}: {source} comes as a cache, which has no weights to start from"
        if source in config.imported and not is_checkpoint(config.imported[source].weights):
            yield f"{key}: {source} comes as an ONNX file, which has no weights to start from"
        init = config.trained[name].init
        if init is not None and source is None and init.weights.lower().endswith(".onnx"):
            yield f"{key}: {init.weights} is an ONNX file, which has no weights to start from"


def _circles(config: Config) -> Iterator[str]:
    """Models that start from, or learn from, themselves or each other."""
    needs = {n: [config.init_model(n), *config.teachers_of(n)] for n in config.trained}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]  # each model needs the next
        verbs = {True: "starts", False: "learns"}
        told = [(verbs[config.init_model(a) == b], b) for a, b in pairwise(circle)]
        key = "init" if told[0][0] == "starts" else "distil.teachers"
        steps = "".join(f" {verb} from {model}" for verb, model in told)
        yield f"{config.trained_key(circle[0])}.{key}: {circle[0]}{steps}"


def _benchmarks(config: Config) -> Iterator[str]:
    """Benchmarks whose sample set does not exist or does not suit their metric."""
    for name, benchmark in config.benchmarks.items():
        key = f"benchmarks.{name}"
        yield from _unknown(f"{key}.samples", [benchmark.samples], config.samples)
        samples = config.samples.get(benchmark.samples)
        if samples is None:
            continue
        if not samples.labelled:
            yield f"{key}.samples: {benchmark.samples} has no labels to score against"
        if benchmark.metric == "oks" and FORMATS[samples.format].load is None:
            yield f"{key}.metric: oks needs a format other than {samples.format}"
        if benchmark.metric == "pckh" and samples.boxes != GROUND_TRUTH:
            yield f"{key}.metric: pckh needs a sample set with `boxes: gt`"


def _published_tables(config: Config) -> Iterator[str]:
    """Parts, models and benchmarks named for the published tables that do not exist."""
    models = [*config.teachers, *config.students]
    yield from _unknown("tables.paper", config.tables.parts, PARTS)
    for part, name in config.tables.parts.items():
        yield from _unknown(f"tables.paper.{part}", [name], models)
    for key, listed in config.tables.listed.items():
        for name, benchmarks in listed.items():
            yield from _unknown(key, [name], config.teachers)
            yield from _unknown(f"{key}.{name}", benchmarks, config.benchmarks)
    for name in config.tables.rivals.keys() & TAKEN:
        yield f"tables.rivals: {name!r} is what a row of the published tables is called"


def _own_tables(config: Config) -> Iterator[str]:
    """Models, benchmarks and numbers named for the user's own tables that do not exist."""
    models = [*config.teachers, *config.students]
    for name, table in config.tables.own.items():
        key = f"tables.own.{name}"
        if name in TABLES:
            yield f"{key}: a table of posecache has this name too"
        yield from _unknown(f"{key}.rows", table.rows.values(), models)
        yield from _cells(config, f"{key}.columns", table.columns)


def _cells(config: Config, key: str, columns: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Benchmarks and numbers of columns that do not exist."""
    for heading, (benchmark, number) in columns.items():
        yield from _unknown(f"{key}.{heading}", [benchmark], config.benchmarks)
        if benchmark in config.benchmarks:
            known = NUMBERS[config.benchmarks[benchmark].metric]
            yield from _unknown(f"{key}.{heading}", [number], known)


def _swept_tables(config: Config) -> Iterator[str]:
    """Columns of sweeps' tables that do not exist, or not once."""
    for name, sweep in config.sweeps.items():
        key = f"sweeps.{name}"
        if f"sweep_{name}" in config.tables.own:
            yield f"{key}: tables.own.sweep_{name} has the name of its table"
        yield from _cells(config, f"{key}.columns", sweep.columns or {})
        columns = config.columns(sweep)
        if not columns:
            yield f"{key}.student: {sweep.student} is scored on no benchmark: say `columns`"
        for heading in columns.keys() & sweep.values.keys():
            yield f"{key}.columns.{heading}: a swept key is called so too"
        if sweep.by is not None and sweep.by not in columns.values():
            told = ", ".join(str(list(cell)) for cell in columns.values())
            yield f"{key}.by: expected a column's {told}, got {list(sweep.by)}"


def _speeds(config: Config) -> Iterator[str]:
    """Speeds stated of models that do not exist, or that are not trained."""
    trained = dict.fromkeys(map(student_of, config.trained))
    models = dict.fromkeys(map(student_of, config.models))
    yield from _unknown("compute.speeds.cache", config.compute.speeds.cache, models)
    yield from _unknown("compute.speeds.train", config.compute.speeds.train, trained)


def _said(config: Config) -> Iterator[str]:
    """Sample sets and models that do not exist, named for annotations and rankings, and a sample
    set that this very configuration is to write."""
    models = [*config.teachers, *config.students]
    asked = [
        (f"annotations.{name}", entry.samples, entry.by)
        for name, entry in config.annotations.items()
    ]
    yield from _unknown("active_learning", config.active_learning, config.samples)
    asked += [(f"active_learning.{n}", n, e.by) for n, e in config.active_learning.items()]
    for key, samples, by in asked:
        yield from _unknown(f"{key}.samples", [samples], config.samples)
        yield from _unknown(f"{key}.by", by, models)
    written = {f"{config.results}/annotations/{name}.json": name for name in config.annotations}
    for name, entry in config.samples.items():
        if entry.annotations in written:
            made = f"made by annotations.{written[entry.annotations]} of this configuration"
            yield (
                f"samples.{name}.annotations: {entry.annotations} is {made}: expected it in "
                "another one, which extends it and has its own `results`"
            )


def _report(config: Config) -> Iterator[str]:
    """A student named for the report that does not exist."""
    names = [] if config.report.student is None else [config.report.student]
    yield from _unknown("report.student", names, config.students)


def _unknown(key: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """One problem for each of `names` that is not among `known`."""
    expected = ", ".join(known) or "none defined"
    for name in names:
        if name not in known:
            yield f"{key}: unknown name {name!r}, expected one of {expected}"
