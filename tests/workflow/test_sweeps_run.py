"""A sweep runs: a further value trains one student, and all else is shared."""

import csv
from typing import Any

import cv2
import pytest
import yaml

from conftest import Workdir

MINE = "results/sweep"
TABLE = f"{MINE}/tables/sweep_a"
TABLES = {f"{TABLE}.{suffix}" for suffix in ("csv", "md", "png")}


def swept(finished: Workdir, **sweep: Any) -> list[str]:
    """Options of Snakemake for a sweep on top of the finished miniature."""
    record = {
        "extends": str(finished.path / "config.yaml"),
        "results": MINE,
        "sweeps": {"a": {"student": "unified-t", "columns": {"AP": ["coco", "AP"]}} | sweep},
    }
    path = finished.path / "sweep.yaml"
    path.write_text(yaml.safe_dump(record))
    return ["--configfile", str(path), "--", f"{TABLE}.csv"]


def made(model: str) -> set[str]:
    """What a student of the sweep needs to be in its table."""
    return {
        f"{MINE}/models/{model}/card.json",
        f"{MINE}/logits/{model}/coco-val/manifest.json",
        f"{MINE}/scores/{model}/coco.json",
    }


@pytest.fixture(scope="module")
def ran(finished: Workdir) -> Workdir:
    """The miniature with a sweep over its own alpha and another one."""
    done = finished.snakemake("--cores", "2", *swept(finished, alpha=[0.3, 0.5]))
    assert done.returncode == 0, done.stdout + done.stderr
    return finished


def test_only_other_values_are_trained_and_caches_are_shared(finished: Workdir) -> None:
    names = ("unified-t.alpha=0.4", "unified-t.alpha=0.4.beta.teacher-coco=0.2",
             "unified-t.beta.teacher-coco=0.2")  # fmt: skip
    options = swept(finished, alpha=[0.3, 0.4], **{"beta.teacher-coco": [0.45, 0.2]})
    assert finished.plan(*options) == TABLES.union(*map(made, names))


def test_a_sweep_makes_a_table_and_a_figure(ran: Workdir) -> None:
    with (ran.path / f"{TABLE}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["alpha"], row["ours"]) for row in rows] == [
        ("0.3", "unified-t"),
        ("0.5", "unified-t.alpha=0.5"),
    ]
    best = max(float(row["AP"]) for row in rows)
    assert [row["best"] for row in rows] == [str(float(row["AP"]) == best) for row in rows]
    text = (ran.path / f"{TABLE}.md").read_text()
    assert text.startswith("unified-t by alpha. ★: the best by AP.\n")
    assert text.endswith("\n![unified-t by alpha](sweep_a.png)\n")
    assert cv2.imread(str(ran.path / f"{TABLE}.png")) is not None


def test_what_ran_stands_and_a_further_value_or_seed_adds_its_own(ran: Workdir) -> None:
    assert ran.plan(*swept(ran, alpha=[0.3, 0.5])) == set()
    assert ran.plan(*swept(ran, alpha=[0.3, 0.4, 0.5])) == TABLES | made("unified-t.alpha=0.4")
    runs = ("unified-t@1", "unified-t.alpha=0.5@1")
    assert ran.plan(*swept(ran, alpha=[0.3, 0.5], seed=[0, 1])) == TABLES.union(*map(made, runs))
    assert ran.plan(*swept(ran, alpha=[0.5])) == TABLES
    assert ran.planned() == set()


def test_a_figure_that_is_gone_is_made_again(ran: Workdir) -> None:
    *options, _ = swept(ran, alpha=[0.3, 0.5])
    picture = ran.path / f"{TABLE}.png"
    content = picture.read_bytes()
    picture.unlink()
    try:
        assert ran.plan(*options, f"{TABLE}.png") == TABLES
    finally:
        picture.write_bytes(content)
