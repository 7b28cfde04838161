"""Second stages: a student learns from another student's logits and from its finished head."""

import csv
import io
import shutil
from typing import Any

import pytest
import torch

from conftest import Workdir, mini_config
from posecache import logits
from posecache.models.card import Card
from posecache.skeletons import load

MODEL = "results/models/second"
SECOND = {
    "samples": ["coco-train"],
    "init": "coco-t",
    "freeze": ["backbone"],
    "training": {},
    "distil": {"alpha": 0, "teachers": {"coco-t": 0.5}, "itself": 0.5, "mode": "dwpose"},
    "benchmarks": ["coco"],
}


@pytest.fixture(scope="module")
def staged(finished: Workdir, tmp_path_factory: pytest.TempPathFactory) -> Workdir:
    """The finished miniature, with a second stage."""
    record = mini_config()
    record["students"]["second"] = SECOND
    copy = Workdir(shutil.copytree(finished.path, tmp_path_factory.mktemp("staged") / "copy"))
    copy.configure(record)
    return copy


def test_only_the_second_stage_is_made(staged: Workdir) -> None:
    assert staged.planned(target=f"{MODEL}/card.json") == {
        "results/logits/coco-t/coco-train/manifest.json",
        f"{MODEL}/card.json",
    }


def test_it_has_the_firsts_backbone_and_learns_from_both(staged: Workdir) -> None:
    done = staged.snakemake("--cores", "2", f"{MODEL}/card.json")
    assert done.returncode == 0, done.stdout + done.stderr
    store = logits.open(staged.path / "results/logits/coco-t/coco-train")
    assert load(store.skeleton).num_keypoints == 17
    (row,) = csv.DictReader(io.StringIO((staged.path / MODEL / "history.csv").read_text()))
    expected = 0.5 * float(row["L_D/coco-t"]) + 0.5 * float(row["L_D/itself"])
    assert float(row["loss"]) == pytest.approx(expected, rel=1e-4)
    first, second = (
        torch.load(staged.path / f"results/models/{name}/weights.pt", weights_only=True)
        for name in ("coco-t", "second")
    )
    assert all(torch.equal(second[n], w) for n, w in first.items() if n.startswith("backbone."))
    assert not torch.equal(second["head.cls_x.weight"], first["head.cls_x.weight"])
    assert Card.load(staged.path / MODEL / "card.json").skeleton == "coco17"


def test_a_changed_first_stage_makes_it_again(staged: Workdir) -> None:
    def change(record: dict[str, Any]) -> None:
        record["students"]["coco-t"]["training"] = {"lr": 0.002}

    again = staged.planned(change, target=f"{MODEL}/card.json")
    assert again == {
        "results/models/coco-t/card.json",
        "results/logits/coco-t/coco-train/manifest.json",
        f"{MODEL}/card.json",
    }
