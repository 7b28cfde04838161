"""A second seed trains one model; all else is shared, and the table tells the spread."""

import csv

import yaml

from conftest import TABLE, Workdir

MINE = "results/seeds"


def test_a_second_seed_trains_one_model_and_the_table_has_its_spread(finished: Workdir) -> None:
    record = {
        "extends": str(finished.path / "config.yaml"),
        "results": MINE,
        "students": {"mpii-t": {"seeds": [0, 1]}},
    }
    path = finished.path / "seeds.yaml"
    path.write_text(yaml.safe_dump(record))
    table = TABLE.replace("results", MINE)
    run = f"{MINE}/{{}}/mpii-t@1/{{}}"
    assert finished.plan("--configfile", str(path), "--", table) == {
        run.format("models", "card.json"),
        *(run.format("logits", f"{name}-val/manifest.json") for name in ("coco", "mpii")),
        *(run.format("scores", f"{name}.json") for name in ("coco", "coco-shared12", "mpii")),
        table,
        table.replace(".csv", ".md"),
    }
    done = finished.snakemake("--cores", "2", "--configfile", str(path), "--", table)
    assert done.returncode == 0, done.stdout + done.stderr
    assert finished.plan("--configfile", str(path), "--", table) == set()
    assert finished.planned() == set()
    with (finished.path / table).open() as file:
        rows = list(csv.DictReader(file))
    seeds = {row["ours"]: row["seeds"] for row in rows}
    assert seeds["mpii-t"] == "2"
    assert {count for name, count in seeds.items() if name != "mpii-t"} == {"1"}
    assert all(bool(row["mpii_pck_sd"]) == (row["seeds"] == "2") for row in rows)
    first, *_ = (finished.path / table).with_suffix(".md").read_text().splitlines()
    assert "Mean ± standard deviation over up to 2 seeds" in first
