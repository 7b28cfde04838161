"""`posecache predict`: what it writes is what cached logits would give."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

import tiny
from four_outputs import refined_folder
from posecache import logits, samples, skeletons
from posecache.models.card import CARD_FILE, Card
from posecache.predicting.given import Given, image_ids
from posecache.predicting.predict import Options, predict
from posecache.report.drawing import draw
from posecache.samples.pictures import read_image
from posecache.scores import predictions

COMMAND = "from posecache.cli import main; main()"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose labels lay off."""
    folder = tiny.model_folder(tmp_path_factory.mktemp("predict") / "model")
    card = Card.load(folder / CARD_FILE)
    replace(card, label_offset=(3.0, 2.0)).save(folder / CARD_FILE)
    return folder


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose keypoints are its own, not its logits' peaks."""
    return refined_folder(tmp_path_factory.mktemp("predict") / "refined")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten people in five pictures, and `boxes.json` beside them."""
    folder = tmp_path_factory.mktemp("people")
    found = samples.open(tiny.sample_folder(folder))
    rows = zip(found.column("image_id").tolist(), found.column("box").tolist(), strict=True)
    detected = [
        {"image_id": image, "category_id": 1, "bbox": box, "score": 1 - row / 20}
        for row, (image, box) in enumerate(rows)
    ]
    (folder / "boxes.json").write_text(json.dumps(detected))
    return folder


def pictures(store: Path) -> list[Path]:
    return sorted((store / "data").glob("*.jpg"))


def read(folder: Path) -> list[dict[str, object]]:
    record: list[dict[str, object]] = json.loads((folder / "predictions.json").read_text())
    return record


def triples(folder: Path) -> np.ndarray:
    return np.array([person["keypoints"] for person in read(folder)]).reshape(-1, 17, 3)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("batch", [3, 16])
@pytest.mark.parametrize("kind", ["model", "refined"])
def test_predictions_are_those_of_cached_logits(
    request: pytest.FixtureRequest, kind: str, store: Path, tmp_path: Path, flip: bool, batch: int
) -> None:
    model: Path = request.getfixturevalue(kind)
    how = logits.Caching(flip=flip, encoding="float32")
    logits.cache(model, store / "samples", tmp_path / "logits", how)
    expected = predictions.predict(logits.open(tmp_path / "logits"))
    options = Options(boxes=store / "boxes.json", flip=flip, batch=batch, threads=2)
    outcome = predict(pictures(store), model, tmp_path / "out", options)
    assert (outcome.people, outcome.pictures, outcome.problems) == (10, 5, [])
    found = triples(tmp_path / "out")
    np.testing.assert_allclose(found[..., :2], expected.keypoints, atol=1e-4)
    np.testing.assert_allclose(found[..., 2], expected.scores, rtol=1e-5)


def test_pycocotools_loads_the_results(model: Path, store: Path, tmp_path: Path) -> None:
    options = Options(boxes=store / "boxes.json", min_box_score=0.7)
    assert predict(pictures(store), model, tmp_path / "out", options).people == 7
    coco = COCO(str(tmp_path / "out" / "images.json"))
    found = coco.loadRes(str(tmp_path / "out" / "predictions.json"))
    assert sorted(coco.getImgIds()) == [1, 2, 3, 4, 5]
    assert coco.loadImgs(3)[0]["file_name"] == "3.jpg"
    names = skeletons.load("coco17").keypoints
    (category,) = coco.loadCats(coco.getCatIds())
    assert category["keypoints"] == list(names)
    first = category["skeleton"][0]
    assert [names[index - 1] for index in first] == ["left_ankle", "left_knee"]
    for row, person in enumerate(found.loadAnns(found.getAnnIds())):
        scores = np.array(person["keypoints"][2::3])
        assert person["score"] == pytest.approx((1 - row / 20) * scores[scores > 0.2].mean())


def test_without_boxes_a_picture_is_one_person(model: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.png", "deep/a.png"):
        cv2.imwrite(str(tmp_path / "in" / name), cv2.imread(str(store / "data" / "1.jpg")))
    predict([tmp_path / "in"], model, tmp_path / "out", Options())
    assert [person["bbox"] for person in read(tmp_path / "out")] == [[0, 0, 64, 48]] * 2
    images = json.loads((tmp_path / "out" / "images.json").read_text())["images"]
    assert images == [
        {"id": 1, "file_name": "b.png", "width": 64, "height": 48},
        {"id": 2, "file_name": "deep/a.png", "width": 64, "height": 48},
    ]
    points = triples(tmp_path / "out")[1:]
    picture = read_image(tmp_path / "in" / "deep" / "a.png")
    drawn = draw(picture, points[..., :2], points[..., 2] > 0.2, skeletons.load("coco17"))
    written = read_image(tmp_path / "out" / "pictures" / "deep" / "a.png")
    np.testing.assert_array_equal(written, drawn)
    assert (drawn != picture).any()


def test_numbers_of_names_are_the_ids() -> None:
    paths = [Path("000000000139.jpg"), Path("7.jpg")]
    found = [Given(path, str(path), number) for number, path in enumerate(paths)]
    assert image_ids(found) == [139, 7]
    assert image_ids([*found, Given(Path("a.jpg"), "a.jpg", 2)]) == [1, 2, 3]
    assert image_ids([*found, Given(Path("val/8.jpg"), "val/8.jpg", 2)]) == [1, 2, 3]
    assert image_ids([*found, Given(Path("07.png"), "07.png", 2)]) == [1, 2, 3]


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", COMMAND, "predict", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_broken_pictures_are_named_and_left_out(model: Path, store: Path, tmp_path: Path) -> None:
    whole = (store / "data" / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole)
    (tmp_path / "2.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "3.jpg").write_bytes(b"")
    done = command(tmp_path, "--model", model, "--out", tmp_path / "out", "--no-pictures")
    assert done.returncode == 1
    assert done.stdout == f"{tmp_path / 'out'}: 1 people in 1 pictures\n"
    *_, cut, empty, count = done.stderr.splitlines()
    assert cut.startswith(f"{tmp_path / '2.jpg'}: damaged picture")
    assert empty == f"{tmp_path / '3.jpg'}: not an image, or a broken one"
    assert count == "2 pictures are left out"
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["images.json", "predictions.json"]


def test_what_cannot_be_done_leaves_nothing(model: Path, store: Path, tmp_path: Path) -> None:
    broken, out = tmp_path / "in" / "1.jpg", tmp_path / "out"
    broken.parent.mkdir()
    broken.write_bytes(b"x")
    first = store / "data" / "1.jpg"
    far = tmp_path / "far.json"
    box = {"image_id": 1, "category_id": 1, "bbox": [64, 0, 5, 5], "score": 1}
    far.write_text(json.dumps([box]))
    wrong: list[tuple[list[Path], Options, str]] = [
        ([broken], Options(), "no picture is left: .*1.jpg: not an image"),
        ([first], Options(boxes=far), r"64 x 48 px, and the box .* of .*far.json, detections\[0\]"),
        ([store / "data" / "2.jpg"], Options(boxes=far), "nobody was detected"),
        ([first, broken], Options(), "both are called 1.jpg"),
        ([tmp_path / "gone"], Options(), "gone: no such folder"),
        ([first], Options(min_box_score=0.5), "belongs to --boxes"),
        ([first], Options(detector_kind="yolox"), "belongs to --detector"),
        ([first], Options(detector=tmp_path / "yolox.onnx"), "yolox.onnx: no such file"),
    ]
    for given, options, message in wrong:
        with pytest.raises(ValueError, match=message):
            predict(given, model, out, options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["far.json", "in"]


def test_an_existing_folder_is_let_be(model: Path, store: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exists already"):
        predict(pictures(store), model, tmp_path, Options())
    assert list(tmp_path.iterdir()) == []
