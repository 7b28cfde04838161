"""`structure` of a student: it makes another student, and only where it is given do links count."""

from pathlib import Path
from typing import Any

import pytest

from demo_config import ROOT, changed
from posecache import skeletons
from posecache.config.loading import parse
from posecache.config.places import Places
from posecache.config.stages import Job, Stages

COCO = (ROOT / "workflow_scripts/posecache/skeletons/coco17.yaml").read_text()


def student(tmp_path: Path, structure: Any, skeleton: str = COCO) -> Job:
    """What trains coco-t on a skeleton file with this content."""
    path = tmp_path / "own.yaml"
    path.write_text(skeleton)
    skeletons.load.cache_clear()
    record = changed("samples.coco-train.skeleton", str(path))
    record["students"]["coco-t"]["structure"] = structure
    return Stages(Places(parse(record))).job("model", "coco-t")


def test_it_makes_another_student_and_its_links_count(tmp_path: Path) -> None:
    fewer = COCO.replace("- [nose, left_eye]", "")
    cut = {s: student(tmp_path, s, fewer).thing.values for s in (None, 0.1)}
    found = {s: student(tmp_path, s).thing.values for s in (None, 0.1, 0.2)}
    skeletons.load.cache_clear()
    assert len(set(found.values())) == 3
    assert cut[None] == found[None]
    assert cut[0.1] != found[0.1]
    assert "structure" not in found[None]


def test_a_skeleton_file_whose_links_count_is_an_input(tmp_path: Path) -> None:
    files = student(tmp_path, 0.1).thing.described, student(tmp_path, None).thing.described
    skeletons.load.cache_clear()
    assert files == ((str(tmp_path / "own.yaml"),), ())


@pytest.mark.parametrize(
    ("structure", "option"),
    [(0.1, "{weight: 0.1}"), ({"weight": 2, "pairs": "all"}, "{weight: 2.0, pairs: all}")],
)
def test_the_stage_is_told(tmp_path: Path, structure: Any, option: str) -> None:
    record = changed("students.coco-t.structure", structure)
    options = Stages(Places(parse(record))).train_student("coco-t")
    assert options[options.index("--structure") + 1] == option


def test_a_skeleton_without_links_has_no_bones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"coco-t.structure.pairs: links: .*own.yaml has none$"):
        student(tmp_path, 0.1, COCO[: COCO.index("links:")] + "links: []")


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (0, "coco-t.structure.weight: input should be greater than 0, got 0"),
        (True, "coco-t.structure.weight: input should be a valid number, got True"),
        ({"pairs": "all"}, "coco-t.structure.weight: this key is missing"),
        ({"weight": 1, "pairs": "some"}, "structure.pairs: input should be 'links' or 'all', got"),
    ],
)
def test_each_mistake_is_one_line(structure: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse(changed("students.coco-t.structure", structure))


def test_a_refiner_has_a_loss_of_its_own() -> None:
    record = changed("students.unified-t.refine", {})
    start = {"init": {"weights": "coco-t", "part": "whole"}, "freeze": ["backbone", "head"]}
    record["students"]["unified-t"] |= start | {"structure": 0.1}
    with pytest.raises(ValueError, match=r"unified-t.structure: the model beneath a refiner is"):
        parse(record)


def test_the_authors_code_compares_no_bones() -> None:
    distil = {"alpha": 0.3, "teachers": {"teacher-coco": 1}, "mode": "authors-code"}
    record = changed("students.unified-t.distil", distil)
    record["students"]["unified-t"]["structure"] = 0.1
    with pytest.raises(ValueError, match=r"unified-t.structure: authors-code minimises what the a"):
        parse(record)
