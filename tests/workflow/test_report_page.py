"""The report page: what it is made from, and that its numbers are the scores' own."""

import base64
from pathlib import Path

import numpy as np
import page
import pytest

from conftest import TABLE, Workdir
from posecache import geometry, logits, samples, simcc
from posecache.scores.predictions import predict


@pytest.fixture(scope="module")
def made(finished: Workdir) -> Path:
    """A page of Table 1's tiny part."""
    return page.made(finished)


def test_it_needs_its_tables_and_nothing_else_is_made(finished: Workdir, made: Path) -> None:
    jobs = finished.plan("--configfile", page.configured(finished))
    assert jobs == set()
    made_there = {p.name for p in (finished.path / page.FOLDER).iterdir()}
    assert made_there == {"benchmarks", "logs", "report", "tables"}


def test_a_table_alone_does_not_need_it(finished: Workdir) -> None:
    assert not any("report" in job for job in finished.plan("--forceall", TABLE))


def test_another_student_is_another_page(finished: Workdir, made: Path) -> None:
    path = page.configured(finished, report={"student": "coco-t"})
    assert finished.plan("--configfile", path) == {f"{page.FOLDER}/report/index.html"}


def test_one_file_that_asks_for_no_other(made: Path) -> None:
    text = made.read_text()
    assert "http" not in text.replace("http://www.w3.org/", "")
    assert 'src="data:image/jpeg;base64,' in text
    assert len(text) < 10e6


@pytest.mark.parametrize(
    ("model", "sampleset"),
    [("unified-t", "coco-val"), ("unified-t", "mpii-val"), ("teacher-coco", "coco-val")],
)
def test_drawn_keypoints_are_those_that_are_scored(
    finished: Workdir, made: Path, model: str, sampleset: str
) -> None:
    results = finished.path / "results"
    store = samples.open(results / "samples" / sampleset)
    scored = predict(logits.open(results / "logits" / model / sampleset, samples=store))
    people = [person for person in page.data(made)["people"] if person["samples"] == sampleset]
    assert len(people) == 8
    for person in people:
        said = person["models"][model]
        assert said["origin"] == "from its cache"
        np.testing.assert_allclose(said["keypoints"], scored.keypoints[person["row"]], atol=0.00501)
        np.testing.assert_allclose(said["scores"], scored.scores[person["row"]], atol=0.000501)


def test_people_of_training_sets_show_what_the_student_learns_from(
    finished: Workdir, made: Path
) -> None:
    """The teachers' cached logits; the student is run."""
    people = [p for p in page.data(made)["people"] if p["samples"] == "mpii-train"]
    assert len(people) == 3
    for person in people:
        origins = {model: said["origin"] for model, said in person["models"].items()}
        assert origins == {
            "teacher-coco": "from its cache", "teacher-mpii": "from its cache",
            "unified-t": "run for this page",
        }  # fmt: skip


def test_distributions_are_the_cached_ones_in_the_students_crop(
    finished: Workdir, made: Path
) -> None:
    person = next(p for p in page.data(made)["people"] if p["samples"] == "coco-val")
    stores = finished.path / "results" / "logits"
    store = logits.open(stores / "teacher-coco" / "coco-val")
    row = slice(person["row"], person["row"] + 1)
    x, y, matrix = (part[:, 0] for part in store.read(row))
    between = geometry.compose(np.array(person["matrix"])[None], geometry.invert(matrix))
    expected = simcc.transport(x.astype(np.float32), y.astype(np.float32), between, (64, 96))
    said = person["models"]["teacher-coco"]
    for axis, prob in zip("xy", expected, strict=False):
        levels = np.frombuffer(base64.b64decode(said[axis]["levels"]), np.uint8)
        found = levels.reshape(17, -1) / 255 * np.array(said[axis]["peak"])[:, None]
        np.testing.assert_allclose(found, prob[0], atol=prob.max() / 255)


def test_a_report_by_snakemake_holds_it(finished: Workdir, made: Path) -> None:
    path, out = page.configured(finished), finished.path / "snakemake.html"
    done = finished.snakemake("--configfile", path, "--report", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    assert "table1.csv" in text
    assert out.stat().st_size > made.stat().st_size


def test_without_teachers_tables_and_a_second_dataset(finished: Workdir) -> None:
    """What there is of one student that learns from labels alone."""
    parts = dict.fromkeys(("tiny", "small", "I", "II"))
    tables = {"paper": parts, "teachers": dict.fromkeys(("teacher-coco", "teacher-mpii"))}
    path = page.configured(
        finished, results="results/alone", teachers=page.removed(finished, "teachers"),
        students=page.removed(finished) | {"coco-t": {"benchmarks": ["coco"]}}, tables=tables,
    )  # fmt: skip
    done = finished.snakemake("--cores", "2", "--configfile", path)
    assert done.returncode == 0, done.stdout + done.stderr
    alone = finished.path / "results/alone/report/index.html"
    text = alone.read_text()
    people = page.data(alone)["people"]
    assert {person["samples"] for person in people} == {"coco-val", "coco-train"}
    assert {model for person in people for model in person["models"]} == {"coco-t"}
    sections = {
        name
        for name in (
            "pictures",
            "inspector",
            "scores",
            "tables",
            "cost",
            "cases",
            "cache",
            "curves",
        )
        if f'<section id="{name}">' in text
    }
    assert sections == {"pictures", "inspector", "scores", "cases", "curves"}
