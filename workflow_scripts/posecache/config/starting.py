"""What is checked once it is known which jobs will run: this machine, and finished stores."""

from collections.abc import Collection, Iterator
from ctypes.util import find_library
from pathlib import Path

from posecache.config.places import Places
from posecache.config.schema import Config
from posecache.datasets.records import check_head_sizes

# What the kernel's driver shows: of Linux, of WSL and of NVIDIA's boards with a chip of their own.
DRIVERS = ("/proc/driver/nvidia", "/dev/dxg", "/dev/nvhost-gpu")


def check_device(config: Config) -> None:
    """ValueError if the configuration asks for CUDA and this machine has no NVIDIA driver.

    For jobs that run here: the machine that sends jobs to a cluster needs none.
    """
    if config.compute.device == "cuda" and not has_driver():
        raise ValueError(
            "compute.device: cuda, and this machine has no NVIDIA driver; "
            "`--config compute='{device: cpu}'` runs without"
        )


def has_driver() -> bool:
    """Whether an NVIDIA driver is to be seen; a GPU that it shows may still be unusable."""
    return find_library("cuda") is not None or any(Path(path).exists() for path in DRIVERS)


def check_stores(
    places: Places, models: Collection[str], benchmarks: Collection[str], coming: Collection[str]
) -> None:
    """ValueError for models to be trained on too few persons or with caches of other persons, and
    for PCKh without head sizes.

    Only finished sample stores are looked at; the files that are `coming` will be made first.
    """
    for problem in (
        *_few_rows(places, models, coming),
        *_other_people(places, models, coming),
        *_no_heads(places, benchmarks, coming),
    ):
        raise ValueError(problem)


def _few_rows(places: Places, models: Collection[str], coming: Collection[str]) -> Iterator[str]:
    """Models whose batches are larger than all their sample sets together."""
    from posecache import samples

    for model in models:
        names = places.config.trained[model].samples
        if any(_manifest(places, name) in coming for name in names):
            continue
        rows = sum(samples.open(Path(places.samples(name))).n for name in names)
        recipe = places.config.recipe(model)
        if recipe.drop_last and rows < recipe.batch_size:
            key = f"{places.config.trained_key(model)}.training.batch_size"
            told = f"{recipe.batch_size} is more than the {rows} persons of {', '.join(names)}"
            yield f"{key}: {told}, and drop_last leaves out what fills no batch"


def _other_people(
    places: Places, models: Collection[str], coming: Collection[str]
) -> Iterator[str]:
    """Teachers that come as a cache, made of others than a sample set's persons."""
    from posecache import logits, samples

    config = places.config
    for model in models:
        for teacher in config.teachers_of(model):
            for name in config.trained[model].samples:
                if teacher in config.cached and _manifest(places, name) not in coming:
                    store = samples.open(Path(places.samples(name)))
                    try:
                        logits.open(Path(places.logits(teacher, name)), samples=store)
                    except ValueError as error:
                        yield f"teachers.{teacher}.logits: {error}"


def _no_heads(
    places: Places, benchmarks: Collection[str], coming: Collection[str]
) -> Iterator[str]:
    """PCKh over persons without head sizes."""
    from posecache import samples

    for name in benchmarks:
        benchmark = places.config.benchmarks[name]
        if benchmark.metric == "pckh" and _manifest(places, benchmark.samples) not in coming:
            try:
                store = samples.open(Path(places.samples(benchmark.samples)))
                check_head_sizes(store.column("head_size"), store.place)
            except ValueError as error:
                yield f"benchmarks.{name}: {error}"


def _manifest(places: Places, samples: str) -> str:
    """The file that stands for a sample store."""
    return places.output(places.things.find("samples", samples))
