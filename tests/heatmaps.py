"""A real heat-map network: it finds the white dot of a black picture, by a Gaussian window."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tiny
from posecache import skeletons
from posecache.models.importing import import_model
from posecache.models.settings import Heatmap, Import

STRIDE = 2
SIGMA = 3.0  # input px
REACH = 12  # of the window, input px


def heatmap_onnx(path: Path, *, udp: bool, keypoints: int = 17, outputs: int = 1) -> Path:
    """Maps (B, K, H / 2, W / 2) that are 1 at the dot, of crops (B, 3, H, W) from 0 to 1.

    Cell i sees the px at i * STRIDE or, with `udp`, at i * (W - 1) / (w - 1).
    """
    width, height = tiny.SIZE
    at = np.arange(-REACH, REACH + 1) / SIGMA
    window = np.exp(-(at[:, None] ** 2 + at**2) / 2) / 3
    weights = np.broadcast_to(window, (keypoints, 3, *window.shape)).astype(np.float32)
    step = 1 if udp else STRIDE
    nodes = [
        helper.make_node(
            "Conv", ["picture", "w"], ["fine"], pads=[REACH] * 4, strides=[step, step]
        ),
        helper.make_node("Shape", ["fine"], ["batch"], start=0, end=1),
        helper.make_node("Concat", ["batch", "size"], ["to"], axis=0),
        helper.make_node(
            "Resize", ["fine", "", "", "to"], ["maps"],
            mode="linear", coordinate_transformation_mode="align_corners",
        ),
    ]  # fmt: skip
    names = ["maps"]
    for number in range(1, outputs):
        names.append(f"maps{number}")
        nodes.append(helper.make_node("Identity", ["maps"], [names[-1]]))
    cells = [keypoints, height // STRIDE, width // STRIDE]
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["b", 3, height, width])
    given_back = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["b", *cells]) for n in names]
    kept = [
        numpy_helper.from_array(weights, "w"),
        numpy_helper.from_array(np.array(cells), "size"),
    ]
    graph = helper.make_graph(nodes, "dot", [given], given_back, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def reading(how: Heatmap, skeleton: str = "coco17") -> Import:
    """How the network is imported."""
    return Import(
        skeleton=skeleton, input_size=tiny.SIZE, head="heatmap", heatmap=how,
        mean=(0, 0, 0), std=(255, 255, 255),
    )  # fmt: skip


def heatmap_folder(folder: Path, how: Heatmap, skeleton: str = "coco17") -> Path:
    """The network, imported."""
    keypoints = skeletons.load(skeleton).num_keypoints
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = heatmap_onnx(folder.with_suffix(".onnx"), udp=how.udp, keypoints=keypoints)
    import_model(path, folder, name="dot", settings=reading(how, skeleton))
    return folder
