"""Make the page to look at: results/report/index.html.

Reads what the configuration describes: tables, scores, models with their histories, and of the
student that is shown the sample sets and logits; of training sets and teachers' logits those that
stand.
"""

import argparse
import logging
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

from posecache import files, records
from posecache.config.options import from_yaml
from posecache.config.places import open_experiment
from posecache.config.showing import shown_sets, shown_student, shown_teachers
from posecache.config.stages import PAGE, Stages
from posecache.report.contents import Benchmark, Contents
from posecache.report.making import make
from posecache.scores.settings import Measure
from posecache.stage import run_stage
from posecache.stores.manifest import MANIFEST


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", type=Path, nargs="+", required=True, help="as Snakemake's")
    parser.add_argument(
        "--config", type=from_yaml, default={}, metavar="YAML", help="what stands on top of it"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--key", help="the digest of what the workflow expects it to be made from")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main() -> None:
    arguments = options().parse_args()
    stages = Stages(open_experiment(arguments.configfile, arguments.config))
    with records.recorded(record(stages, arguments.key)):
        page = make(contents(stages), arguments.threads)
        files.write_atomically(arguments.out, page)
    logging.info("%s: %.1f MB", arguments.out, arguments.out.stat().st_size / 1e6)


def record(stages: Stages, key: str | None) -> list[str] | None:
    """What is noted beside the page; ValueError if it is not what the workflow has planned."""
    if key is None:
        return None
    job = stages.job(*PAGE)
    if job.key != key:
        raise ValueError(
            f"{job.output}: the configuration, or a file that it names, has changed since this job "
            "was planned: run Snakemake again"
        )
    return job.record


def contents(stages: Stages) -> Contents:
    """The files of an experiment that the page shows."""
    config, places, things = stages.config, stages.places, stages.things
    student, teachers = shown_student(config), shown_teachers(config)
    models = dict.fromkeys([*teachers, *(model for model, _ in things.scores), *config.runs])
    own = [] if student is None else config.trained[student].samples
    learned = {(t, s): None for run in config.runs for t, s in pairs(stages, run)}
    named = dict.fromkeys([*shown_sets(config), *own, *(samples for _, samples in learned)])
    sets = [name for name in named if stages.job("samples", name).is_current]
    looked = [(model, name) for model in [*teachers, student] if model for name in sets]
    return Contents(
        title=config.results,
        tables={name: (table, Path(places.table(name))) for name, table in things.tables.items()},
        sweeps=config.swept,
        scores=[Path(places.score(*score)) for score in things.scores],
        benchmarks={
            name: Benchmark(entry.samples, Measure(**entry.model_dump(exclude={"samples"})))
            for name, entry in config.benchmarks.items()
        },
        runs=list(config.runs),
        models={name: Path(places.model(name)) for name in models if name not in config.cached},
        samples={name: Path(places.samples(name)) for name in sets},
        training_sets=[name for name in own if name in sets],
        logits=standing(stages, looked),
        taught=standing(stages, learned),
        student=student,
        teachers=teachers,
        flip=config.logits.flip,
    )


def pairs(stages: Stages, run: str) -> Iterator[tuple[str, str]]:
    """The teachers of a training run with each of its sample sets."""
    return product(stages.config.teachers_of(run), stages.config.trained[run].samples)


def standing(stages: Stages, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Path]:
    """The stores of logits that stand, by model and sample set."""
    found = {}
    for model, samples in wanted:
        folder = Path(stages.places.logits(model, samples))
        cached = model in stages.config.cached
        if (folder / MANIFEST).exists() and (
            cached or stages.job("logits", model, samples).is_current
        ):
            found[model, samples] = folder
    return found


if __name__ == "__main__":
    run_stage(main)
