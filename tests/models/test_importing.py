"""Importing ONNX files: tiny real ones, whose logits come from the channels' means."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

import posecache
import tiny
from heatmaps import heatmap_onnx
from posecache.files import sha256
from posecache.models import Card
from posecache.models.importing import check_graph, import_model
from posecache.models.settings import Heatmap, Import

WIDTH, HEIGHT, K = 8, 4, 17
Axes = tuple[int | str, ...]


def write_onnx(
    path: Path,
    *,
    input_axes: Axes = ("batch", 3, HEIGHT, WIDTH),
    outputs: tuple[str, str] = ("simcc_x", "simcc_y"),
    num_keypoints: int = K,
    rows: int = -1,
    bins_per_px: int = 2,
    input_type: int = TensorProto.FLOAT,
) -> Path:
    """mean over pixels (B, 3) -> logits (B, K, Wx) and (B, K, Wy); `rows` fixes the batch."""
    nodes = [
        helper.make_node("Cast", ["input"], ["image"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
    ]
    weights, values = [], []
    for name, bins in zip(outputs, (bins_per_px * WIDTH, bins_per_px * HEIGHT), strict=True):
        matrix = np.ones((3, num_keypoints * bins), np.float32)
        shape = np.array([rows, num_keypoints, bins])
        weights += [numpy_helper.from_array(matrix, f"{name}.w")]
        weights += [numpy_helper.from_array(shape, f"{name}.shape")]
        nodes += [helper.make_node("MatMul", ["mean", f"{name}.w"], [f"{name}.flat"])]
        nodes += [helper.make_node("Reshape", [f"{name}.flat", f"{name}.shape"], [name])]
        values += [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "k", bins])]
    image = helper.make_tensor_value_info("input", input_type, input_axes)
    graph = helper.make_graph(nodes, "tiny", [image], values, weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def check(path: Path) -> None:
    check_graph(path, num_keypoints=K, input_size=(WIDTH, HEIGHT), head="simcc")


def how(**changes: Any) -> Import:
    return Import(skeleton="coco17", input_size=(WIDTH, HEIGHT), **changes)


def test_an_undeclared_keypoint_axis_is_accepted(tmp_path: Path) -> None:
    check(write_onnx(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": ("simcc_x", "y")}, "outputs are simcc_x, y, expected simcc_x, simcc_y"),
        (
            {"input_axes": (1, 3, HEIGHT, WIDTH)},
            r"input is float32 \(1, 3, 4, 8\), expected float32 \(free, 3, 4, 8\)",
        ),
        (
            {"input_axes": ("batch", 3, "height", WIDTH)},
            r"input is float32 \(free, 3, free, 8\), expected float32 \(free, 3, 4, 8\)",
        ),
        (
            {"input_type": TensorProto.FLOAT16},
            r"input is float16 \(free, 3, 4, 8\), expected float32",
        ),
        (
            {"num_keypoints": 16},
            r"simcc_x of 2 images is float32 \(2, 16, 16\), expected float32 \(2, 17, 16\)",
        ),
        (
            {"bins_per_px": 3},
            r"simcc_x of 2 images is float32 \(2, 17, 24\), expected .*17, 16\) .* 2 bins per px",
        ),
        ({"rows": 1}, "cannot be run on 2 images"),
    ],
)
def test_another_graph_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx", **changes)
    with pytest.raises(ValueError, match=f"model.onnx: {message}"):
        check(path)


def test_an_input_of_another_name_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.input[0].name = model.graph.node[0].input[0] = "images"
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"model.onnx: inputs are images, expected input"):
        check(path)


def check_maps(path: Path, keypoints: int = 17, size: tuple[int, int] = tiny.SIZE) -> None:
    check_graph(path, num_keypoints=keypoints, input_size=size, head="heatmap")


def test_a_file_of_heat_maps_may_name_its_input_and_output(tmp_path: Path) -> None:
    check_maps(heatmap_onnx(tmp_path / "model.onnx", udp=False))


def test_another_kind_of_head_is_refused(tmp_path: Path) -> None:
    logits, maps = write_onnx(tmp_path / "a.onnx"), heatmap_onnx(tmp_path / "b.onnx", udp=False)
    two = heatmap_onnx(tmp_path / "c.onnx", udp=False, outputs=2)
    with pytest.raises(ValueError, match=r"a.onnx: outputs are simcc_x, simcc_y, expected one for"):
        check_maps(logits, size=(WIDTH, HEIGHT))
    with pytest.raises(ValueError, match=r"c.onnx: outputs are maps, maps1, expected one for"):
        check_maps(two)
    with pytest.raises(ValueError, match=r"b.onnx: inputs are picture, expected input"):
        check(maps)
    model = onnx.load(maps)
    model.graph.input[0].name = model.graph.node[0].input[0] = "input"
    onnx.save(model, maps)
    with pytest.raises(ValueError, match=r"outputs are maps, .*\(a file of heat maps needs `head:"):
        check_graph(maps, 17, tiny.SIZE, "simcc")


def test_heat_maps_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = heatmap_onnx(tmp_path / "model.onnx", udp=True)
    expected = (
        r"its output for 2 images is float32 \(2, 17, 16, 8\), expected float32 \(2, {}, h, w\)"
    )
    with pytest.raises(ValueError, match=expected.format(16)):
        check_maps(path, keypoints=16)
    model = onnx.load(path)
    flat = onnx.helper.make_node("Flatten", ["maps"], ["flat"])
    model.graph.node.append(flat)
    model.graph.output[0].name = "flat"
    del model.graph.output[0].type.tensor_type.shape.dim[2:]
    onnx.save(model, path)
    with pytest.raises(
        ValueError, match=r"is float32 \(2, 2176\), expected .*, with h / w = 32 / 16"
    ):
        check_maps(path)


def test_how_maps_are_read_must_be_said(tmp_path: Path) -> None:
    base = {"skeleton": "coco17", "input_size": tiny.SIZE}
    with pytest.raises(ValidationError, match=r"`head: heatmap` needs `heatmap: \{udp: true\}`"):
        Import(**base, head="heatmap")
    with pytest.raises(ValidationError, match="`heatmap` belongs to `head: heatmap`"):
        Import(**base, heatmap=Heatmap(udp=True))
    (tmp_path / "a.pth").write_bytes(b"weights")
    how_read = Import(**base, head="heatmap", heatmap=Heatmap(udp=True))
    with pytest.raises(ValueError, match=r"a.pth: `head: heatmap` is for ONNX files"):
        import_model(tmp_path / "a.pth", tmp_path / "m", name="m", settings=how_read)


def test_weights_in_a_second_file_are_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx")
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ValueError, match=r"model.onnx: its weights lie in another file"):
        check(path)


@pytest.mark.parametrize("size", [0, 500])
def test_a_part_of_a_file_is_refused(size: int, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"model.onnx: not a valid ONNX file"):
        check(path)


def test_an_imported_model_is_a_copy_with_a_card(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "teacher.onnx")
    card = import_model(
        source,
        tmp_path / "model",
        name="teacher",
        settings=how(color_order="bgr", sha256=sha256(source)[:8].upper(), license="CC0"),
    )
    assert (tmp_path / "model" / "model.onnx").read_bytes() == source.read_bytes()
    kept = Card.load(tmp_path / "model" / "card.json")
    assert kept == replace(card, posecache=posecache.__version__)
    assert card.sha256 == sha256(source)
    assert card.license == "CC0"
    assert card.source == f"imported from teacher.onnx (sha256 {sha256(source)})"
    assert card.mean == (103.53, 116.28, 123.675)


def test_a_file_without_a_digest_is_told_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_onnx(tmp_path / "teacher.onnx")
    import_model(source, tmp_path / "model", name="teacher", settings=how())
    told = f"{source}: any file is taken; for this one alone: `sha256: {sha256(source)}`"
    assert [record.getMessage() for record in caplog.records] == [told]
    caplog.clear()
    known = how(sha256=sha256(source))
    import_model(source, tmp_path / "model", name="teacher", settings=known)
    assert not caplog.records


@pytest.mark.parametrize("ending", ["", "_20230127"])
def test_a_file_that_is_not_what_its_name_says_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    source = write_onnx(tmp_path / "teacher.onnx")
    digest = sha256(source)
    for digits, told in ((digest[:8], False), ("0123abcd", True)):
        named = source.rename(tmp_path / f"rtmpose-m-{digits}{ending}.onnx")
        caplog.clear()
        import_model(named, tmp_path / "model", name="teacher", settings=how())
        said = f"{named}: its name says that sha256 begins with {digits}"
        assert any(said in record.getMessage() for record in caplog.records) == told
        source = named


@pytest.mark.parametrize("name", ["a.ckpt", "a.PTH", "a.Pt", "a.pth"])
def test_weights_are_known_by_the_files_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: no such file"):
        import_model(tmp_path / name, tmp_path / "m", name="m", settings=how())
    (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=rf"{name}: cannot be read as a checkpoint"):
        import_model(tmp_path / name, tmp_path / "m", name="m", settings=how())


def test_an_onnx_file_brings_no_weights(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "teacher.onnx")
    import_model(source, tmp_path / "model", name="teacher", settings=how())
    files = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert files == ["card.json", "golden.npz", "model.onnx"]
    assert Card.load(tmp_path / "model" / "card.json").weights_sha256 is None


def test_another_sha256_leaves_the_folder_alone(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "teacher.onnx")
    with pytest.raises(ValueError, match=r"teacher.onnx: sha256 is [0-9a-f]{64}, expected 0000"):
        import_model(source, tmp_path / "model", name="teacher", settings=how(sha256="0" * 64))
    assert not (tmp_path / "model").exists()


def test_the_script_ends_a_wrong_file_with_one_line(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "workflow_scripts" / "import_model.py"
    source = write_onnx(tmp_path / "teacher.onnx", num_keypoints=16)
    options = ["--weights", str(source), "--name", "teacher", "--skeleton", "coco17"]
    options += ["--input-size", f"[{WIDTH}, {HEIGHT}]", "--out", str(tmp_path / "model")]
    run = subprocess.run(
        [sys.executable, script, *options], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    begun, told = run.stderr.splitlines()
    assert " import_model.py, posecache " in begun
    assert told.startswith(f"error: {source}: simcc_x of 2 images is float32 (2, 16, 16)")
