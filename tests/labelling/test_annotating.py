"""A sample set's annotations, extended: read back as a sample set, and by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

import tiny
from posecache import logits, samples, skeletons
from posecache.labelling.annotating import Extended, write
from posecache.labelling.opinions import Opinions
from posecache.labelling.settings import Annotating
from posecache.samples.store import SampleStore

UNION = "coco17+mpii16"
ALL = Annotating(min_score=0, agree=1e6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten people of whom some keypoints are not labelled, two models' logits over them, and their
    extended annotations."""
    made = tmp_path_factory.mktemp("extended")
    record = tiny.coco_record()
    for number, person in enumerate(record["annotations"]):
        triples = np.array(person["keypoints"]).reshape(17, 3)
        triples[number % 17] = 0
        triples[5, 2] = 1
        person |= {"keypoints": triples.ravel().tolist(), "num_keypoints": 16}
    path = tiny.write_coco(made / "data", record)
    samples.prepare(tiny.annotations(path), made / "samples", crops=tiny.CROPS, cut=tiny.SMALL_CUT)
    for name, skeleton in (("a", "coco17"), ("b", "mpii16")):
        tiny.model_folder(made / name, skeleton)
        logits.cache(made / name, made / "samples", made / f"logits-{name}")
    write(made / "data" / "extended.json", extended(made, ALL))
    return made


def extended(folder: Path, settings: Annotating) -> Extended:
    store = samples.open(folder / "samples")
    opened = {name: logits.open(folder / f"logits-{name}", samples=store) for name in "ab"}
    return Extended(store, Opinions.of(store, opened), settings)


def prepared(folder: Path) -> SampleStore:
    found = tiny.annotations(folder / "data" / "extended.json", skeleton=UNION)
    samples.prepare(found, folder / "again", crops=tiny.CROPS, cut=tiny.SMALL_CUT)
    return samples.open(folder / "again")


def test_labels_and_people_stay_what_they_are(folder: Path) -> None:
    before, after = samples.open(folder / "samples"), prepared(folder)
    labelled = before.column("visibility") > 0
    np.testing.assert_array_equal(after.keypoints[:, :17][labelled], before.keypoints[labelled])
    visibility = after.column("visibility")
    np.testing.assert_array_equal(
        visibility[:, :17][labelled], before.column("visibility")[labelled]
    )
    assert set(visibility[:, :17][~labelled]) | set(visibility[:, 17:].ravel()) <= {0, 1}
    for column in ("box", "area", "instance_id", "image_id"):
        np.testing.assert_array_equal(after.column(column), before.column(column))
    # The caches of its teachers are those of the extended set too.
    assert logits.open(folder / "logits-a", samples=after).n == 10


def test_keypoints_outside_the_picture_stay_unlabelled(folder: Path) -> None:
    found = extended(folder, ALL)
    places, seen = found.agreed.keypoints, found.labels[1]
    inside = ((places >= 0) & (places <= (63, 47))).all(-1)
    expected = (seen == 0) & inside & found.agreed.accepted
    np.testing.assert_array_equal(found.added(np.full((10, 2), (64, 48))), expected)
    assert 0 < expected.sum() < (seen == 0).sum()
    after = samples.open(folder / "again").column("visibility")
    np.testing.assert_array_equal(after > 0, expected | (seen > 0))


def test_every_keypoint_has_a_score_and_an_origin(folder: Path) -> None:
    coco = COCO(str(folder / "data" / "extended.json"))
    union = skeletons.load(UNION)
    assert coco.loadCats(1)[0]["keypoints"] == list(union.keypoints)
    assert coco.loadImgs(2)[0] == {"id": 2, "file_name": "2.jpg", "width": 64, "height": 48}
    found = extended(folder, ALL)
    both = set(skeletons.load("coco17").keypoints) & set(skeletons.load("mpii16").keypoints)
    for row, person in enumerate(coco.loadAnns(coco.getAnnIds())):
        triples = np.array(person["keypoints"]).reshape(-1, 3)
        assert person["num_keypoints"] == (triples[:, 2] > 0).sum()
        for index, name in enumerate(union.keypoints):
            origin, score = person["keypoint_origins"][index], person["keypoint_scores"][index]
            if triples[index, 2] == 0:
                assert (origin, score, *triples[index, :2]) == (None, 0, 0, 0)
            elif found.labels[1][row, index]:
                assert (origin, score) == ("label", 1)
            else:
                owner = "b" if index > 16 else "a"
                assert origin == ("a+b" if name in both else owner)
                expected = found.agreed.scores[row, index]
                assert score == pytest.approx(expected, abs=1e-4)


def test_a_changed_picture_leaves_the_file_as_it_was(folder: Path, tmp_path: Path) -> None:
    picture = folder / "data" / "3.jpg"
    content = picture.read_bytes()
    picture.write_bytes(content + b"x")
    with pytest.raises(ValueError, match=r"3.jpg: is not the picture any more"):
        write(tmp_path / "out.json", extended(folder, ALL))
    picture.write_bytes(content)
    assert list(tmp_path.iterdir()) == []


def test_people_without_labels_get_all(folder: Path, tmp_path: Path) -> None:
    store = samples.open(tiny.unlabelled_folder(tmp_path, seed=2))
    logits.cache(folder / "b", store.folder, tmp_path / "logits")
    opened = {"b": logits.open(tmp_path / "logits", samples=store)}
    write(tmp_path / "out.json", Extended(store, Opinions.of(store, opened), ALL))
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["categories"][0]["keypoints"] == list(skeletons.load("mpii16").keypoints)
    origins = {origin for person in record["annotations"] for origin in person["keypoint_origins"]}
    assert origins == {"b", None}
