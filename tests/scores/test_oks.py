import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posecache import skeletons
from posecache.scores import coco_ap

PROTOCOLS = {"rescored_oks_nms": (True, 0.9), "bbox_score_no_nms": (False, None)}
NAMES = {
    "AP": "AP", "AP50": "AP .5", "AP75": "AP .75", "APM": "AP (M)", "APL": "AP (L)",
    "AR": "AR", "AR50": "AR .5", "AR75": "AR .75", "ARM": "AR (M)", "ARL": "AR (L)",
}  # fmt: skip

# xtcocotools 1.14.3, the evaluator that MMPose calls, run on the same predictions.
XTCOCOTOOLS = {
    "rescored_oks_nms": (33.50268694775781, 57.26007808036195, 39.16355406230195,
                         34.159153065202915, 33.52507039537609),
    "bbox_score_no_nms": (19.900496567294272, 41.548876253617166, 20.79787094934638,
                          27.283652351516835, 15.126495018519451),
}  # fmt: skip


def people_of(shared: Path) -> list[dict[str, Any]]:
    return json.loads((shared / "data" / "coco" / "coco_a.predictions.json").read_text())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_equals_mmpose(shared: Path, protocol: str) -> None:
    folder, people = shared / "data" / "coco", people_of(shared)
    expected = json.loads((folder / "coco_a.expected.json").read_text())[protocol]
    found = coco_ap(folder / "coco_a.annotations.json", people, "coco17", *PROTOCOLS[protocol])
    reference = {key: 100 * expected[f"coco/{name}"] for key, name in NAMES.items()}
    assert found == pytest.approx(reference, abs=1e-6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_equals_xtcocotools_without_boxes(shared: Path, protocol: str) -> None:
    people = [{k: v for k, v in p.items() if k != "bbox"} for p in people_of(shared)]
    path = shared / "data" / "coco" / "coco_a.annotations.json"
    found = coco_ap(path, people, "coco17", *PROTOCOLS[protocol])
    precision = dict(zip(NAMES, XTCOCOTOOLS[protocol], strict=False))
    assert {key: found[key] for key in precision} == pytest.approx(precision, abs=1e-6)
    boxed = coco_ap(path, people_of(shared), "coco17", *PROTOCOLS[protocol])
    for key in ("AP", "AP50", "AP75", "AR"):  # true boxes change only medium and large
        assert boxed[key] == pytest.approx(found[key])
    assert boxed["APL"] != pytest.approx(found["APL"])


def truth(*people: np.ndarray) -> dict[str, Any]:
    """One picture with people of 100 x 100 px, all keypoints labelled."""
    annotations = [
        {
            "id": number, "image_id": 7, "category_id": 1, "iscrowd": 0, "num_keypoints": 17,
            "area": 10000.0, "bbox": [0, 0, 100, 100],
            "keypoints": np.c_[points, np.full(17, 2)].ravel().tolist(),
        }
        for number, points in enumerate(people, start=1)
    ]  # fmt: skip
    categories = [{"id": 1, "name": "person"}]
    return {"images": [{"id": 7}], "annotations": annotations, "categories": categories}


def prediction(points: np.ndarray, score: float = 0.9) -> dict[str, Any]:
    scores = np.full(17, score)
    return {
        "image_id": 7, "keypoints": points, "keypoint_scores": scores, "bbox_score": 1.0,
        "area": 10000.0,
    }  # fmt: skip


SOMEBODY = np.random.default_rng(0).uniform(0, 100, (17, 2))


def test_perfect_is_100_and_nothing_is_0() -> None:
    perfect = coco_ap(truth(SOMEBODY), [prediction(SOMEBODY)], "coco17")
    assert [perfect[key] for key in ("AP", "AR", "APL")] == pytest.approx([100] * 3)
    assert set(coco_ap(truth(SOMEBODY), [], "coco17").values()) == {0.0}


def test_oks_at_a_known_distance_decides_the_threshold() -> None:
    # One keypoint is moved so far that it counts for nothing: OKS = 16 / 17 = 0.941.
    moved = SOMEBODY.copy()
    moved[0] += 1000
    found = coco_ap(truth(SOMEBODY), [prediction(moved)], "coco17")
    assert found["AP75"] == pytest.approx(100)
    assert found["AP"] == pytest.approx(90)  # 9 of the thresholds .5, .55, ..., .95


def test_nms_merges_the_same_person() -> None:
    twice = [prediction(SOMEBODY, 0.9), prediction(SOMEBODY + 0.1, 0.95)]
    both = coco_ap(truth(SOMEBODY, SOMEBODY + 500), [*twice, prediction(SOMEBODY + 500, 0.3)],
                   "coco17", nms=None)  # fmt: skip
    merged = coco_ap(truth(SOMEBODY, SOMEBODY + 500), [*twice, prediction(SOMEBODY + 500, 0.3)],
                     "coco17")  # fmt: skip
    assert merged["AP"] == pytest.approx(100)
    assert both["AP"] < 90


def test_crowded_images_are_told_apart_by_their_index() -> None:
    record = truth(SOMEBODY)
    second = [a | {"id": 2, "image_id": 8} for a in record["annotations"]]
    record["annotations"] += second
    record["images"] = [{"id": 7, "crowdIndex": 0.19}, {"id": 8, "crowdIndex": 0.2}]
    found = coco_ap(record, [prediction(SOMEBODY)], "coco17")
    assert found["AP_easy"] == pytest.approx(100)
    assert found["AP_medium"] == 0
    assert found["AP_hard"] == -1  # no such image
    assert found["AP"] == pytest.approx(100 * 51 / 101)  # precision 1 up to recall 0.5


def test_arguments_stay_as_they_were() -> None:
    record, people = truth(SOMEBODY), [prediction(SOMEBODY)]
    before = copy.deepcopy(record)
    coco_ap(record, people, skeletons.load("coco17"))
    assert record == before
    assert people[0].keys() == prediction(SOMEBODY).keys()


def test_wrong_predictions_are_named() -> None:
    short = prediction(SOMEBODY) | {"keypoints": SOMEBODY[:5]}
    with pytest.raises(ValueError, match=r"prediction 1: .*\(5, 2\), expected \(17, 2\)"):
        coco_ap(truth(SOMEBODY), [prediction(SOMEBODY), short], "coco17")
    with pytest.raises(ValueError, match="image 8 is not among"):
        coco_ap(truth(SOMEBODY), [prediction(SOMEBODY) | {"image_id": 8}], "coco17")
