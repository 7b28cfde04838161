from pathlib import Path

import numpy as np
import pytest

import tiny
from posecache import simcc, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.models.session import Session

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 16, 3), dtype=np.uint8)


def by_hand(images: np.ndarray, outputs: int = 17) -> np.ndarray:
    """simcc_x of tiny.onnx_model: channel means times its weights."""
    weights = np.random.default_rng(0).normal(0, 1, (3, outputs * 32)).astype(np.float32)
    means = (images.mean((1, 2)) - IMAGENET_MEAN) / IMAGENET_STD
    return (means @ weights).reshape(len(images), outputs, 32)


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_run_is_exact_at_any_batch_size(tmp_path: Path, batch: int) -> None:
    path = tiny.onnx_model(tmp_path / "m.onnx")
    x, y = Session(path, tiny.card(path), batch=batch).run(IMAGES)
    np.testing.assert_allclose(x, by_hand(IMAGES), atol=1e-4)
    assert y.shape == (5, 17, 64)


def test_bgr_models_see_bgr(tmp_path: Path) -> None:
    path = tiny.onnx_model(tmp_path / "m.onnx")
    card = tiny.card(path)
    bgr = tiny.Card(
        **{**vars(card), "color_order": "bgr", "mean": card.mean[::-1], "std": card.std[::-1]}
    )
    x, _ = Session(path, bgr, batch=5).run(IMAGES)
    weights = np.random.default_rng(0).normal(0, 1, (3, 17 * 32)).astype(np.float32)
    means = (IMAGES.mean((1, 2)) - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(x, (means[:, ::-1] @ weights).reshape(5, 17, 32), atol=1e-4)


def test_flip_test_is_the_mean_with_the_mirrored_crop(tmp_path: Path) -> None:
    path = tiny.onnx_model(tmp_path / "m.onnx")
    session = Session(path, tiny.card(path), batch=4)
    x, y = session.run_flipped(IMAGES)
    # The model sees only channel means, which mirroring does not change.
    straight = session.run(IMAGES)
    back = simcc.flip(*straight, skeletons.load("coco17").flip_pairs)
    np.testing.assert_allclose(x, (straight[0] + back[0].numpy()) / 2, atol=1e-5)
    np.testing.assert_allclose(y, (straight[1] + back[1].numpy()) / 2, atol=1e-5)


def test_cuda_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    path = tiny.onnx_model(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"device cuda: ONNX Runtime offers .*`device: cpu`"):
        Session(path, tiny.card(path), batch=2, device="cuda")


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    good = tiny.onnx_model(tmp_path / "m.onnx")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(good.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"bad\.onnx: ONNX Runtime cannot open it"):
        Session(bad, tiny.card(good), batch=2)
