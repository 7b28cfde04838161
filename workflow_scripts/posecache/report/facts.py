"""What the page says of the stores: their size, how they were made, how true they are."""

from dataclasses import dataclass
from pathlib import Path

from posecache.logits.live import check_live
from posecache.logits.settings import KIND
from posecache.report.contents import Contents
from posecache.stores.manifest import read_manifest, recorded_files

CHECKED = 4  # rows of which the model is asked again


@dataclass(frozen=True)
class StoreFacts:
    """Of one store of logits."""

    model: str
    samples: str
    rows: int
    views: int
    merge: str  # how its looks became views
    megabytes: float
    encoding: str
    samples_per_s: float | None
    live: str  # KL(live || cached) in nats, or why it is not known


def stores(contents: Contents, threads: int) -> list[StoreFacts]:
    """Facts of the teachers' logits that students learn from, as far as these stand."""
    return [
        _facts(contents, model, samples, folder, threads)
        for (model, samples), folder in contents.taught.items()
    ]


def _facts(contents: Contents, model: str, samples: str, folder: Path, threads: int) -> StoreFacts:
    manifest = read_manifest(folder, KIND)
    return StoreFacts(
        model=model,
        samples=samples,
        rows=manifest["num_rows"],
        views=manifest["layout"]["columns"]["matrix"]["shape"][0],
        merge=manifest["identity"]["views"]["merge"],
        megabytes=sum(facts["bytes"] for _, facts in recorded_files(manifest)) / 1e6,
        encoding=manifest["identity"]["encoding"],
        samples_per_s=manifest["runtime"].get("samples_per_s", {}).get("elapsed"),
        live=_live(contents, model, samples, folder, threads),
    )


def _live(contents: Contents, model: str, samples: str, folder: Path, threads: int) -> str:
    """How far the model of today is from its cache, on a few rows."""
    if model not in contents.models or samples not in contents.samples:
        return "no model here"
    try:
        found = check_live(
            folder, contents.models[model], contents.samples[samples],
            num_rows=CHECKED, limit=float("inf"), threads=threads,
        )  # fmt: skip
    except (ValueError, OSError) as error:  # such as pictures that were removed since
        return str(error)
    return f"{found:.1e}"
