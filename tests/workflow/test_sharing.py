"""An experiment that extends another makes what it changes, and nothing else."""

from pathlib import Path
from typing import Any

import yaml

from conftest import TABLE, Workdir

MINE = "results/alpha-0.5"


def experiment(finished: Workdir, **sections: Any) -> str:
    """Write a configuration that extends the finished one; returns its path."""
    record = {"extends": str(finished.path / "config.yaml"), "results": MINE} | sections
    path = finished.path / "alpha.yaml"
    path.write_text(yaml.safe_dump(record))
    return str(path)


def planned(finished: Workdir, path: str, *targets: str) -> set[str]:
    return finished.plan("--configfile", path, "--", *targets)


def test_another_alpha_plans_six_jobs(finished: Workdir) -> None:
    path = experiment(finished, students={"unified-t": {"distil": {"alpha": 0.5}}})
    table = TABLE.replace("results", MINE)
    jobs = planned(finished, path, table)
    assert jobs == {
        f"{MINE}/models/unified-t/card.json",
        f"{MINE}/logits/unified-t/coco-val/manifest.json",
        f"{MINE}/logits/unified-t/mpii-val/manifest.json",
        f"{MINE}/scores/unified-t/coco.json",
        f"{MINE}/scores/unified-t/mpii.json",
        table,
        table.replace(".csv", ".md"),
    }


def test_an_experiment_that_changes_nothing_plans_its_table_alone(finished: Workdir) -> None:
    table = TABLE.replace("results", MINE)
    jobs = planned(finished, experiment(finished), table)
    assert jobs == {table, table.replace(".csv", ".md")}


def test_a_cache_of_ones_own_is_filled_with_everything(finished: Workdir) -> None:
    path = experiment(finished, cache=MINE)
    jobs = planned(finished, path, TABLE.replace("results", MINE))
    assert f"{MINE}/samples/coco-train/manifest.json" in jobs
    assert not any(Path(job).is_relative_to("results/models") for job in jobs)


def test_the_other_experiment_is_left_as_it_was(finished: Workdir) -> None:
    path = experiment(finished, students={"mpii-t": {"training": {"epochs": 1, "seed": 4}}})
    target = f"{MINE}/scores/mpii-t/mpii.json"
    done = finished.snakemake("--cores", "2", "--configfile", path, "--", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (finished.path / target).exists()
    assert finished.planned() == set()
