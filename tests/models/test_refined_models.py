"""Models of four outputs: exported, read, flipped, kept, imported and counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import tiny
from four_outputs import FourOutputs, refined_folder
from posecache import files, skeletons
from posecache.models import golden
from posecache.models.card import CARD_FILE, MODEL_FILE, Card
from posecache.models.cost import Cost, cost
from posecache.models.export import is_refined, to_bytes
from posecache.models.heads import brought_back
from posecache.models.importing import import_model
from posecache.models.session import Session
from posecache.models.settings import Import

COCO17 = skeletons.load("coco17")
PAIRS, ORDER = COCO17.flip_pairs, [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
K, (WIDTH, HEIGHT) = 17, tiny.SIZE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return refined_folder(tmp_path_factory.mktemp("refined") / "model")


def session(folder: Path, **changes: object) -> Session:
    card = replace(Card.load(folder / CARD_FILE), **changes)
    return Session(folder / MODEL_FILE, card, batch=4)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Five crops of noise, each with a white px at (3 + row, 7)."""
    crops = np.random.default_rng(0).integers(0, 100, (5, HEIGHT, WIDTH, 3), dtype=np.uint8)
    crops[np.arange(5), 7, 3 + np.arange(5)] = 255
    return crops


def test_four_outputs_are_exported_with_a_free_batch_axis(folder: Path) -> None:
    model = onnx.load(folder / MODEL_FILE)
    onnx.checker.check_model(model, full_check=True)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.output
    }
    assert shapes == {
        "simcc_x": ["batch", K, 2 * WIDTH],
        "simcc_y": ["batch", K, 2 * HEIGHT],
        "keypoints": ["batch", K, 2],
        "scores": ["batch", K],
    }
    content = (folder / MODEL_FILE).read_bytes()
    assert to_bytes(FourOutputs(COCO17), tiny.SIZE, batch_example=3) == content
    assert is_refined(content)
    assert not is_refined(tiny.onnx_model(folder.parent / "plain.onnx").read_bytes())


class Three(FourOutputs):
    """Keypoints without scores."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return super().forward(images)[:3]


def test_a_network_of_three_outputs_is_not_exported() -> None:
    with pytest.raises(
        ValueError, match=r"has 3 outputs: expected \['simcc_x', 'simcc_y'\], or \["
    ):
        to_bytes(Three(COCO17), tiny.SIZE)


def test_what_is_read_is_what_the_network_says(folder: Path, images: np.ndarray) -> None:
    x, y, keypoints = session(folder).run(images)
    card = Card.load(folder / CARD_FILE)
    inputs = (images - np.array(card.mean, np.float32)) / np.array(card.std, np.float32)
    with torch.no_grad():
        outputs = FourOutputs(COCO17)(torch.from_numpy(inputs).permute(0, 3, 1, 2).float())
    for found, expected in zip((x, y, keypoints[..., :2], keypoints[..., 2]), outputs, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(keypoints[:, 0, 0], 3 + np.arange(5), atol=0.1)  # the nose


def test_mirrored_keypoints_come_back_by_hand() -> None:
    """Px 3 of 16 is px 12 of the mirrored crop; left and right have changed places."""
    x, y = torch.zeros(1, 4, 32), torch.zeros(1, 4, 64)
    points = torch.tensor([[[3.0, 5.0], [0.0, 1.0], [15.0, 2.0], [7.5, 3.0]]])
    scores = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    *_, places, peaks = brought_back([x, y, points, scores], [(1, 2)], WIDTH)
    assert places[0].tolist() == [[12.0, 5.0], [0.0, 2.0], [15.0, 1.0], [7.5, 3.0]]
    assert peaks[0].tolist() == pytest.approx([0.1, 0.3, 0.2, 0.4])


def test_keypoints_of_a_mirrored_crop_come_back_to_the_same_place(
    folder: Path, images: np.ndarray
) -> None:
    """The flip test's places are the crop's own then; its scores are means, its logits as ever."""
    straight, mirrored = (session(folder).run(crops) for crops in (images, images[:, :, ::-1]))
    np.testing.assert_allclose(straight[2][:, 0, 0] + mirrored[2][:, 0, 0], WIDTH - 1, atol=1e-4)
    both = session(folder).run_flipped(images)
    np.testing.assert_allclose(both[2][..., :2], straight[2][..., :2], atol=1e-4)
    means = (straight[2] + mirrored[2][:, ORDER])[..., 2] / 2
    np.testing.assert_allclose(both[2][..., 2], means, atol=1e-5)
    assert np.abs(both[2] - straight[2])[..., 2].max() > 0.01
    coarse = session(folder, refined=False).run_flipped(images)
    assert len(coarse) == 2
    for one, other in zip(coarse, both[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_card_says_so_and_others_stay_as_they_were(folder: Path, tmp_path: Path) -> None:
    card = Card.load(folder / CARD_FILE)
    assert card.refined
    plain = replace(card, refined=False)
    plain.save(tmp_path / CARD_FILE)
    assert "refined" not in files.read_json(tmp_path / CARD_FILE)
    assert Card.load(tmp_path / CARD_FILE) == plain
    maps = files.read_json(folder / CARD_FILE) | {"heatmap": {"udp": True}}
    files.write_json(tmp_path / CARD_FILE, maps)
    with pytest.raises(ValueError, match=r"card\.json: refined: belongs to a model of logits"):
        Card.load(tmp_path / CARD_FILE)


def test_a_file_without_what_its_card_says_is_refused(tmp_path: Path) -> None:
    path = tiny.onnx_model(tmp_path / MODEL_FILE)
    with pytest.raises(ValueError, match=r"its card asks for outputs \['keypoints', 'scores'\]"):
        Session(path, tiny.card(path, refined=True), batch=1)


def test_other_keypoints_than_when_it_was_made_are_noticed(folder: Path) -> None:
    golden.check(folder, session(folder))
    with pytest.raises(ValueError, match=r"golden\.npz: it gave .*'keypoints': \(1, 17, 3\)"):
        golden.check(folder, session(folder, refined=False))
    with np.load(folder / golden.GOLDEN_FILE) as kept:
        arrays = dict(kept)
    np.savez(folder.parent / golden.GOLDEN_FILE, **arrays | {"keypoints": arrays["keypoints"] + 1})
    with pytest.raises(ValueError, match=r"gives other logits .*: keypoints differs by"):
        golden.check(folder.parent, session(folder))


class Swapped(FourOutputs):
    """Scores where the keypoints should be."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, y, keypoints, scores = super().forward(images)
        return x, y, scores, keypoints


def test_a_refined_file_is_imported_as_such_if_that_is_said(folder: Path, tmp_path: Path) -> None:
    how = {"skeleton": "coco17", "input_size": tiny.SIZE}
    for head, refined in (("refined", True), ("simcc", False)):
        settings = Import.model_validate(how | {"head": head})
        card = import_model(folder / MODEL_FILE, tmp_path / head, name="m", settings=settings)
        assert card.refined is refined
    settings = Import.model_validate(how | {"head": "refined"})
    plain = tiny.onnx_model(tmp_path / "plain.onnx")
    expected = r"outputs are simcc_x, simcc_y, expected simcc_x, simcc_y, keypoints, scores$"
    with pytest.raises(ValueError, match=expected):
        import_model(plain, tmp_path / "m", name="m", settings=settings)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(to_bytes(Swapped(COCO17), tiny.SIZE))
    with pytest.raises(ValueError, match=r"keypoints of 2 images is float32 \(2, 17\), expected"):
        import_model(wrong, tmp_path / "m", name="m", settings=settings)


def test_a_refiner_costs_its_matrix_products_and_sampling_nothing(folder: Path) -> None:
    """Two heads of 3 channels, the mean place of 512 px, and a (K, K) support of one channel."""
    products = 3 * K * 2 * (WIDTH + HEIGHT) + WIDTH * HEIGHT * 2 + K * K
    found = cost(folder / MODEL_FILE)
    assert found == Cost(parameters=3 * K * 2 * (WIDTH + HEIGHT) + K * K, macs=products)
