"""MPII files of a few people, as the official release and as the common JSON."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

POINTS = [
    {"x": 11.0, "y": 21.0, "id": 0.0, "is_visible": 1.0},
    {"x": 31.0, "y": 41.0, "id": 9.0, "is_visible": 0.0},
]


def structs(records: list[dict[str, Any]]) -> np.ndarray:
    """A MATLAB struct array (1, n) from dicts with the same keys."""
    array = np.empty((1, len(records)), dtype=[(name, object) for name in records[0]])
    for column, record in enumerate(records):
        array[0, column] = tuple(record.values())
    return array


def annopoints(*points: dict[str, Any]) -> np.ndarray:
    """A person's points."""
    return structs([{"point": structs(list(points))}])


def rect(**changes: Any) -> dict[str, Any]:
    """A person of 100 px around (101, 201), 1-based, with a head box of 30 x 40 px."""
    record = {
        "x1": 50.0, "y1": 60.0, "x2": 80.0, "y2": 100.0, "scale": 0.5,
        "annopoints": annopoints(*POINTS),
        "objpos": structs([{"x": 101.0, "y": 201.0}]),
    }  # fmt: skip
    return record | changes


def release(path: Path, *images: list[dict[str, Any]], **changes: Any) -> Path:
    """The official release's .mat of these images' people."""
    annolist = structs(
        [
            {"image": structs([{"name": f"{i}.jpg"}]), "annorect": structs(rects)}
            for i, rects in enumerate(images, start=1)
        ]
    )
    content = {"annolist": annolist, "img_train": np.ones((1, len(images)))}
    scipy.io.savemat(str(path), {"RELEASE": content | changes})
    return path


def person(image: str, **changes: Any) -> dict[str, Any]:
    """A person of the common JSON: 15 of 16 joints are labelled."""
    joints = [[11.0 + i, 21.0] for i in range(16)]
    record = {"image": image, "center": [101.0, 201.0], "scale": 0.5, "joints": joints}
    return record | {"joints_vis": [1] * 15 + [0]} | changes


def head_file(path: Path, records: list[dict[str, Any]], **changes: Any) -> Path:
    """mpii_gt_val.mat of these people; each head box is 30 x 40 px."""
    corners = np.tile(np.array([[50.0, 60.0], [80.0, 100.0]])[:, :, None], len(records))
    content = {
        "headboxes_src": corners,
        "pos_gt_src": np.array([r["joints"] for r in records]).transpose(1, 2, 0),
        "jnt_missing": 1 - np.array([r["joints_vis"] for r in records]).T,
    }
    scipy.io.savemat(str(path), content | changes)
    return path
