"""A teacher whose predictions lean as the labels did that it was trained on."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import tiny
from posecache import geometry, logits, simcc
from posecache.logits import Views, views
from posecache.logits.live import check_live
from posecache.models.importing import import_model
from posecache.models.settings import Import

MIRRORS = {"half_body_prob": 0, "shift_prob": 0, "scale_factor": [1, 1], "rotate_prob": 0}


def leaning_model(folder: Path, lean: int, offset: tuple[float, float]) -> Path:
    """A model that puts every keypoint at the brightest column and row, `lean` bins further."""
    axes = zip(("simcc_x", "simcc_y"), tiny.SIZE, ([1, 2], [1, 3]), strict=True)
    nodes, weights, outputs = [], [], []
    for name, side, others in axes:
        px = (np.arange(2 * side) - lean).clip(0) // 2
        bins = np.eye(side, dtype=np.float32)[:, px]
        shape = np.array([1, 17, 1])
        weights += [
            numpy_helper.from_array(v, f"{name}_{n}") for n, v in (("w", bins), ("s", shape))
        ]
        nodes += [
            helper.make_node("ReduceMax", ["input"], [f"{name}_m"], axes=others, keepdims=0),
            helper.make_node("MatMul", [f"{name}_m", f"{name}_w"], [f"{name}_p"]),
            helper.make_node("Unsqueeze", [f"{name}_p", "one"], [f"{name}_u"]),
            helper.make_node("Tile", [f"{name}_u", f"{name}_s"], [name]),
        ]
        shape_out = ["b", 17, 2 * side]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape_out))
    weights.append(numpy_helper.from_array(np.array([1]), "one"))
    given = helper.make_tensor_value_info(
        "input", TensorProto.FLOAT, ["b", 3, *reversed(tiny.SIZE)]
    )
    graph = helper.make_graph(nodes, "leaning", [given], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder.with_suffix(".onnx")))
    how = Import(skeleton="coco17", input_size=tiny.SIZE, label_offset=offset)
    import_model(folder.with_suffix(".onnx"), folder, name="leaning", settings=how)
    return folder


def middles(x: np.ndarray, y: np.ndarray) -> torch.Tensor:
    """Expected places (B, K, 2) in input px of logits (B, K, W); bins 2i and 2i + 1 are px i."""
    probs = [torch.softmax(10 * torch.from_numpy(v).double(), -1) for v in (x, y)]
    bins = [p @ torch.arange(p.shape[-1], dtype=p.dtype) for p in probs]
    return torch.stack(bins, -1) / 2 - 0.25


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_cached_predictions_do_not_lean(tmp_path: Path, flip: bool, zoom: float) -> None:
    """A lean of one image px is `zoom` input px; where they are read, it is gone."""
    model = leaning_model(tmp_path / "model", round(2 * zoom), (1, 1))
    how = logits.Caching(flip=flip, encoding="float32")
    logits.cache(model, tiny.dotted_folder(tmp_path, zoom), tmp_path / "logits", how)
    x, y, matrix = logits.open(tmp_path / "logits").read(slice(0, 1))
    found = geometry.apply(geometry.invert(matrix[:, 0]), middles(x[:, 0], y[:, 0]))
    np.testing.assert_allclose(found, np.tile(tiny.DOT, (1, 17, 1)), atol=1e-3)
    student = geometry.box_matrices([[19.2, 7.2, 25.6, 25.6]], (32, 32))  # one px an image px
    to_student = geometry.compose(student, geometry.invert(matrix[:, 0]))
    prob_x, prob_y, mass = simcc.transport(x[:, 0], y[:, 0], to_student, (32, 32))
    bins = torch.stack([p @ torch.arange(64.0) for p in (prob_x, prob_y)], -1)
    expected = geometry.apply(student, torch.tensor([tiny.DOT]).double()) + 0.25 / zoom
    np.testing.assert_allclose(bins / 2, expected.expand(-1, 17, -1), atol=0.01)
    np.testing.assert_allclose(mass, 1, atol=1e-3)


def test_a_mirrored_view_leans_to_the_other_side(tmp_path: Path) -> None:
    model = leaning_model(tmp_path / "model", 2, (1, 1))
    how = Views.model_validate({"rotations": [], "augmented": 8, "augmentation": MIRRORS})
    store = tiny.dotted_folder(tmp_path, 1.0)
    logits.cache(model, store, tmp_path / "l", logits.Caching(flip=False, views=how))
    x, y, matrix = logits.open(tmp_path / "l").read(slice(0, 1))
    assert len(set(np.sign(np.linalg.det(matrix[0, :, :, :2])))) == 2
    found = geometry.apply(geometry.invert(matrix[0]), middles(x[0], y[0]))
    np.testing.assert_allclose(found, np.tile(tiny.DOT, (8, 17, 1)), atol=0.02)


@pytest.mark.parametrize("flip", [False, True])
def test_each_look_that_is_merged_is_carried_from_where_it_is_read(
    tmp_path: Path, flip: bool
) -> None:
    """A lean of two bins in each look, the mirrored ones too: there bins 2i and 2i + 1 change
    places, so that `middles` is half a px off."""
    model, store = leaning_model(tmp_path / "model", 2, (1, 1)), tiny.dotted_folder(tmp_path, 1.0)
    views = {"augmented": 8, "augmentation": MIRRORS}
    for name, own in (("each", views), ("logits", views | {"merge": "mean"})):
        how = logits.Caching.model_validate({"flip": flip, "views": own})
        logits.cache(model, store, tmp_path / name, how)
    mirrored = np.linalg.det(logits.open(tmp_path / "each").column("matrix")[0, :, :, :2]) < 0
    assert 0 < mirrored.mean() < 1
    x, y, matrix = logits.open(tmp_path / "logits").read(slice(0, 1))
    found = geometry.apply(geometry.invert(matrix[0]), middles(x[0], y[0]))
    expected = np.subtract(tiny.DOT, [mirrored.mean() / 2, 0])
    np.testing.assert_allclose(found, np.tile(expected, (1, 17, 1)), atol=0.03)
    assert check_live(tmp_path / "logits", model, store) < 1e-4


@pytest.mark.parametrize("flip", [False, True])
def test_the_live_model_is_shown_the_crops_that_were_cached(tmp_path: Path, flip: bool) -> None:
    model, store = leaning_model(tmp_path / "model", 2, (1, 1)), tiny.dotted_folder(tmp_path, 1.0)
    logits.cache(model, store, tmp_path / "logits", logits.Caching(flip=flip))
    assert check_live(tmp_path / "logits", model, store) < 1e-4


def test_the_offset_is_part_of_what_a_store_was_made_from(tmp_path: Path) -> None:
    straight, store = (
        leaning_model(tmp_path / "model", 0, (0, 0)),
        tiny.dotted_folder(tmp_path, 1.0),
    )
    logits.cache(straight, store, tmp_path / "logits")
    before = logits.open(tmp_path / "logits")
    matrix = before.column("matrix")
    leaning = leaning_model(tmp_path / "other", 0, (0, 1))
    logits.cache(leaning, store, tmp_path / "logits")
    after = logits.open(tmp_path / "logits")
    assert before.identity["model"] == after.identity["model"]
    assert (before.label_offset, after.label_offset) == ((0, 0), (0, 1))
    assert before.fingerprint != after.fingerprint
    moved = after.column("matrix") - matrix
    np.testing.assert_allclose(moved[0, 0], [[0, 0, 0], [0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("linear", "flip", "shift"),
    [
        ([[2.0, 0.0], [0.0, 2.0]], False, [2, 6]),
        ([[2.0, 0.0], [0.0, 2.0]], True, [0, 6]),
        ([[-2.0, 0.0], [0.0, 2.0]], False, [2, 6]),  # further right in the mirrored crop
        ([[0.0, 2.0], [-2.0, 0.0]], False, [6, -2]),  # a quarter turn
    ],
)
def test_what_is_read_lies_back_by_the_offset(
    linear: list[list[float]], flip: bool, shift: list[float]
) -> None:
    matrix = np.concatenate([np.array(linear), [[5.0], [7.0]]], axis=1)[None]
    read = views.as_read(matrix, (1.0, 3.0), flip=flip)
    np.testing.assert_array_equal(read[0, :, 2] - [5, 7], shift)
    np.testing.assert_array_equal(read[..., :2], matrix[..., :2])
    np.testing.assert_array_equal(views.as_cut(read, (1.0, 3.0), flip=flip), matrix)
