import re

import pytest
import yaml
from pydantic import BaseModel

from demo_config import DEMO, ROOT, changed
from posecache import config
from posecache.config import schema
from posecache.datasets.demo.settings import DemoSet
from posecache.logits import Views
from posecache.samples import Crops
from posecache.tables.settings import OwnTable
from posecache.training.recipe import Distil

DEMO_FILE = (ROOT / "config.yaml").read_text()


@pytest.mark.parametrize(
    "section",
    [
        config.Config, schema.Demo, DemoSet, schema.Samples, Crops, schema.ImportedTeacher,
        schema.HomeTrainedTeacher, schema.Student, Distil, schema.Benchmark, schema.Tables,
        OwnTable, schema.Logits, Views, schema.Compute,
    ],
)  # fmt: skip
def test_every_key_stands_in_the_demo_configuration(section: type[BaseModel]) -> None:
    keys = set(re.findall(r"(?:^|[{, ])([a-z_0-9]+):(?: |$)", DEMO_FILE, re.MULTILINE))
    assert set(section.model_fields) - keys == set()


def test_the_demo_configuration_is_valid() -> None:
    assert config.load(ROOT / "config.yaml") == config.parse(yaml.safe_load(DEMO_FILE))


def test_skeleton_is_the_union_of_samples_and_teachers() -> None:
    demo = config.parse(DEMO)
    assert demo.skeleton("unified-t") == "coco17+mpii16"
    assert demo.skeleton("mpii-t") == "mpii16"
    assert demo.skeleton("teacher-coco") == "coco17"
    only_coco = config.parse(changed("students.unified-t.samples", ["coco-train"]))
    assert only_coco.skeleton("unified-t") == "coco17+mpii16"


def test_a_sample_set_without_labels_adds_no_keypoint() -> None:
    """Here a detector's boxes serve for training, and a skeleton says nothing."""
    files = {"annotations": "a.json", "images": "a", "labels": "none", "crops": {"size": 144}}
    record = changed("samples.found", files | {"format": "detections", "min_box_score": 0.5})
    record["samples"]["boxed"] = files | {"format": "coco", "boxes": "b.json", "skeleton": "mpii16"}
    found = record["students"]["unified-t"]
    found["samples"] = ["coco-train", "found", "boxed"]
    found["distil"]["teachers"] = {"teacher-coco": 1.0}
    assert config.parse(record).skeleton("unified-t") == "coco17"
    found["samples"], found["distil"]["teachers"] = ["found"], {"teacher-mpii": 1.0}
    parsed = config.parse(record)
    assert parsed.skeleton("unified-t") == "mpii16"
    assert "coco" in parsed.benchmarks_of("unified-t")  # it has 12 of these keypoints
    assert parsed.samples["boxed"].skeleton == "none"


def test_a_models_training_goes_on_top_of_the_common_one() -> None:
    demo = config.parse(changed("students.mpii-t.training", {"epochs": 3}))
    assert demo.recipe("mpii-t").epochs == 3
    assert demo.recipe("mpii-t").lr == DEMO["training"]["lr"]


def test_a_stretched_crop_is_the_students() -> None:
    teacher = {"weights": "a.pth", "skeleton": "mpii16", "input_size": [64, 64]}
    record = changed("teachers.third", teacher | {"crop": "stretch"})
    record["teachers"]["fourth"] = teacher
    parsed = config.parse(record)
    assert parsed.crop_size("third") == (64, 96)
    assert parsed.crop_size("fourth") is None
    record["students"]["unified-t"] = {
        "samples": ["mpii-train"],
        "training": {"input_size": [32, 48]},
        "distil": {"alpha": 0.5, "teachers": {"third": 1.0}},
    }
    assert config.parse(record).crop_size("third") == (32, 48)


def test_teachers_are_files_or_are_trained_here() -> None:
    teacher = {"weights": "a.pth", "skeleton": "mpii16", "input_size": [64, 64]}
    parsed = config.parse(changed("teachers.third", teacher))
    assert list(parsed.imported) == ["third"]
    assert {"teacher-coco", "unified-t"} <= parsed.trained.keys()
    assert "third" not in parsed.trained
    assert parsed.input_size("third") == (64, 64)
    assert parsed.input_size("teacher-coco") == (64, 96)


def test_a_student_is_scored_where_a_keypoint_of_its_own_counts() -> None:
    record = changed("students.unified-t.benchmarks", ["mpii"])
    demo = config.parse(record)
    assert demo.benchmarks_of("unified-t") == ["mpii"]
    assert demo.benchmarks_of("mpii-t") == list(DEMO["benchmarks"])


def test_a_benchmark_without_a_keypoint_of_the_students_is_none_of_its_own(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("skeletons") / "toes.yaml"
    path.write_text("keypoints: [toe]\nsigmas: [0.1]\nlinks: []\n")
    record = changed("samples.toes", DEMO["samples"]["coco-val"] | {"skeleton": str(path)})
    record["benchmarks"]["toes"] = {"samples": "toes", "metric": "oks"}
    demo = config.parse(record)
    assert demo.benchmarks_of("coco-t") == list(DEMO["benchmarks"])


def test_parts_name_models_by_section_and_role() -> None:
    parts = config.parse(DEMO).tables.parts
    assert parts["tiny.unified"] == "unified-t"
    assert parts["I.coco"] == "teacher-coco"
