"""The demo's teachers as files: `make teachers` trains them and calls this.

Their weights are kept in half precision, which ONNX Runtime turns back when it opens the file.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from posecache import files
from posecache.models.card import MODEL_FILE

SMALL = 256  # numbers; smaller tensors stay as they are


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model whose large float32 weights are kept as float16 and cast when it is opened."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    casts = []
    for weight in made.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < SMALL:
            continue
        name, half = weight.name, f"{weight.name}.half"
        values = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(values, half))
        casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *made.graph.node]
    del made.graph.node[:], made.graph.value_info[:]
    made.graph.node.extend(nodes)
    onnx.checker.check_model(made, full_check=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("results/teachers/models"))
    parser.add_argument("--out", type=Path, default=Path("teachers"))
    arguments = parser.parse_args()
    for name in ("coco", "mpii"):
        made = halved(onnx.load(arguments.models / name / MODEL_FILE))
        path = arguments.out / f"demo-{name}.onnx"
        files.write_atomically(path, made.SerializeToString(deterministic=True))
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, sha256 {files.sha256(path)}")


if __name__ == "__main__":
    main()
