"""Real, tiny inputs for tests: ONNX models, pictures, annotation files, stores."""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from posecache import datasets, files, samples, skeletons
from posecache.contract import IMAGENET_MEAN, IMAGENET_STD
from posecache.datasets import Source
from posecache.models import RTMPose
from posecache.models.card import MODEL_FILE, Card
from posecache.models.folder import write_model
from posecache.stores.settings import Cut

SIZE = (16, 32)  # input (width, height) px
BINS = (32, 64)
DOT = (34, 21)  # px of the picture that `dotted_folder` shows
SMALL_CUT = Cut(chunk_rows=2, shard_rows=4)
CROPS = samples.Crops(size=32, context=1.5, quality=95)


def onnx_model(
    path: Path,
    keypoints: int = 17,
    *,
    outputs: tuple[str, str] = ("simcc_x", "simcc_y"),
    scale: float = 1.0,
) -> Path:
    """A model whose logits are a fixed random linear map of the 3 channels' means, times scale."""
    rng = np.random.default_rng(0)
    nodes = [helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0)]
    weights = []
    for name, bins in zip(outputs, BINS, strict=True):
        values = (scale * rng.normal(0, 1, (3, keypoints * bins))).astype(np.float32)
        weights += [
            numpy_helper.from_array(values, f"{name}_w"),
            numpy_helper.from_array(np.array([-1, keypoints, bins]), f"{name}_s"),
        ]
        nodes.append(helper.make_node("MatMul", ["mean", f"{name}_w"], [f"{name}_f"]))
        nodes.append(helper.make_node("Reshape", [f"{name}_f", f"{name}_s"], [name]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["b", 3, SIZE[1], SIZE[0]])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", keypoints, bins])
            for name, bins in zip(outputs, BINS, strict=True)
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def model_folder(folder: Path, skeleton: str = "coco17", **options: Any) -> Path:
    """A model as the stages make it: the ONNX file, its golden crop and its card."""
    keypoints = skeletons.load(skeleton).num_keypoints
    path = onnx_model(folder / MODEL_FILE, keypoints, **options)
    write_model(folder, card(path, skeleton), path.read_bytes())
    return folder


def card(path: Path, skeleton: str = "coco17", *, refined: bool = False) -> Card:
    return Card(
        name="tiny",
        sha256=files.sha256(path),
        skeleton=skeleton,
        input_size=SIZE,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        source="a test",
        refined=refined,
    )


def made_weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A weight that depends only on its name, as in the reference numbers' networks."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        values = rng.normal(0, 0.1, shape)
    elif len(shape) >= 2:
        values = rng.normal(0, 1.6 / math.sqrt(math.prod(shape[1:])), shape)
    else:
        values = (0 if name.endswith("bias") else 1) + rng.normal(0, 0.1, shape)
    return torch.from_numpy(values).float()


def made_model(variant: str, keypoints: int, input_size: tuple[int, int]) -> RTMPose:
    """A network of full size with `made_weight` weights, in evaluation mode."""
    model = RTMPose(variant, keypoints, input_size).eval()
    state = {k: made_weight(k, tuple(v.shape)) for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return model


def coco_record(images: int = 5, people: int = 2) -> dict[str, Any]:
    """A COCO file's content: people of random boxes, all keypoints labelled."""
    rng = np.random.default_rng(1)
    names = skeletons.load("coco17").keypoints
    record: dict[str, Any] = {"images": [], "annotations": []}
    for image_id in range(1, images + 1):
        name = f"{image_id}.jpg"
        record["images"].append({"id": image_id, "file_name": name, "width": 64, "height": 48})
        for _ in range(people):
            box = [*rng.uniform(0, 30, 2).round(1).tolist(), 20.0, 16.0]
            points = rng.uniform(box[:2], np.add(box[:2], box[2:]), (17, 2)).round(1)
            record["annotations"].append(
                {
                    "id": len(record["annotations"]) + 100,
                    "image_id": image_id,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": box,
                    "area": 160.0,
                    "num_keypoints": 17,
                    "keypoints": np.c_[points, np.full(17, 2)].ravel().tolist(),
                    "head_box": [box[0], box[1], 6.0, 8.0],
                }
            )
    record["categories"] = [{"id": 1, "name": "person", "keypoints": list(names)}]
    return record


def write_coco(folder: Path, record: dict[str, Any] | None = None, *, seed: int = 2) -> Path:
    """Write pictures, by their seed, and the annotation file of `record`; returns its path."""
    record = record or coco_record()
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for image in record["images"]:
        noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / image["file_name"]), cv2.resize(noise, (64, 48)))
    path = folder / "annotations.json"
    path.write_text(json.dumps(record))
    return path


def annotations(
    path: Path,
    images: Path | None = None,
    skeleton: str = "coco17",
    format: str = "coco",
    **options: Any,
) -> datasets.Annotations:
    """The people of an annotation file, whose pictures lie beside it unless `images` says where."""
    root = images or path.parent
    return datasets.read(
        Source(format=format, annotations=path, image_root=root, skeleton=skeleton, **options)
    )


def sample_folder(folder: Path, *, crops: bool = False, threads: int = 1, seed: int = 2) -> Path:
    """A sealed sample store of ten persons in five pictures."""
    path, kept = write_coco(folder / "data", seed=seed), CROPS if crops else None
    samples.prepare(
        annotations(path), folder / "samples", crops=kept, cut=SMALL_CUT, threads=threads
    )
    return folder / "samples"


def unlabelled_folder(folder: Path, *, seed: int = 3) -> Path:
    """A sealed sample store with crops of the same boxes in other pictures, without labels."""
    path = write_coco(folder / "data", seed=seed)
    found = annotations(path, skeleton=skeletons.NONE)
    samples.prepare(found, folder / "samples", crops=CROPS, cut=SMALL_CUT)
    return folder / "samples"


def dotted_folder(folder: Path, zoom: float) -> Path:
    """A sample store of a person in a black picture with a white dot at DOT; `zoom` cuts it."""
    record = coco_record(images=1, people=1)
    record["images"][0]["file_name"] = "1.png"
    width, height = (side / 1.25 / zoom for side in SIZE)
    record["annotations"][0]["bbox"] = [32 - width / 2, 24 - height / 2, width, height]
    path = write_coco(folder / "data", record)
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[DOT[1], DOT[0]] = 255
    cv2.imwrite(str(path.parent / "1.png"), picture)
    samples.prepare(annotations(path), folder / "samples")
    return folder / "samples"
