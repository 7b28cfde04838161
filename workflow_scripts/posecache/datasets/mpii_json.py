"""The common MPII JSON (HRNet's, MMPose's) and its companion mpii_gt_val.mat with head boxes.

The JSON says whether a joint is labelled, not whether it is visible: every labelled one counts as
visible here.
"""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posecache import files, skeletons
from posecache.datasets import mpii_people
from posecache.datasets.mpii_people import People
from posecache.datasets.records import Annotations, Source

NEEDED = ("image", "center", "scale")
AGREE_PX = 1.0  # positions in the two files differ only by rounding


def read(source: Source) -> Annotations:
    """People with joints, position and scale; rows of one image become adjacent."""
    records = _load(source)
    num_keypoints = skeletons.load(source.skeleton).num_keypoints
    heads = _heads(source, records, num_keypoints)
    names = list(dict.fromkeys(r["image"] for r in records if _wanted(source, r)))
    place = {name: index for index, name in enumerate(names)}
    dropped = {"without labelled keypoints": 0, "without place or scale": 0}
    people = People(
        image=[], image_id=[], number=[], center=[], scale=[], keypoints=[], visibility=[], head=[]
    )
    kept = [row for row, record in enumerate(records) if _wanted(source, record)]
    for row in sorted(kept, key=lambda row: place[records[row]["image"]]):
        record = records[row]
        keypoints, visibility = _joints(source, row, record, num_keypoints)
        if not visibility.any():
            dropped["without labelled keypoints"] += 1
        elif record["center"][0] == -1 or not record["scale"] > 0:
            dropped["without place or scale"] += 1
        else:
            people.image.append(place[record["image"]])
            people.image_id.append(place[record["image"]] + 1)
            people.number.append(row)
            people.center.append(record["center"])
            people.scale.append(record["scale"])
            people.keypoints.append(keypoints)
            people.visibility.append(visibility)
            people.head.append(heads[row])
    return mpii_people.build(source, names, people, dropped)


def _wanted(source: Source, record: dict[str, Any]) -> bool:
    return source.wanted is None or record["image"] in source.wanted


def _load(source: Source) -> list[dict[str, Any]]:
    path = source.annotations
    records = files.read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: no MPII JSON, expected a list of persons")
    for row, record in enumerate(records):
        for key in NEEDED:
            if key not in record:
                raise ValueError(f"{path}: person {row} has no {key!r}")
    if records and not any("joints" in record for record in records):
        raise ValueError(f"{path}: nobody has 'joints' (MPII's test split has no labels)")
    return records


def _joints(
    source: Source, row: int, record: dict[str, Any], num_keypoints: int
) -> tuple[np.ndarray, np.ndarray]:
    """A person's positions (K, 2), 1-based, NaN where not labelled, and visibility (K,)."""
    places = np.array(record.get("joints", []), np.float64)
    labelled = np.array(record.get("joints_vis", []), np.float64) > 0
    if places.shape != (num_keypoints, 2) or labelled.shape != (num_keypoints,):
        raise ValueError(
            f"{source.annotations}: person {row}: joints {places.shape} and joints_vis "
            f"{labelled.shape}, expected ({num_keypoints}, 2) and ({num_keypoints},)"
        )
    return np.where(labelled[:, None], places, np.nan), np.where(labelled, 2, 0)


def _heads(source: Source, records: list[dict[str, Any]], num_keypoints: int) -> np.ndarray:
    """Head boxes (rows, 4) as corners, NaN without mpii_gt_val.mat; both files must agree."""
    path = source.head_boxes
    if path is None:
        return np.full((len(records), 4), np.nan)
    corners, places, missing = _ground_truth(path)
    if len(corners) != len(records):
        raise ValueError(
            f"{path}: {len(corners)} persons, but {source.annotations} has {len(records)}"
        )
    for row, record in enumerate(records):
        mine, visibility = _joints(source, row, record, num_keypoints)
        both = (visibility > 0) & (missing[row] == 0)
        distance = np.abs(mine - places[row])[both]
        if distance.size and distance.max() > AGREE_PX:
            raise ValueError(
                f"{path}: person {row} is not the one in {source.annotations}: joints "
                f"{distance.max():.1f} px apart"
            )
    return corners


def _ground_truth(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Head corners (N, 4), positions (N, K, 2) and missing flags (N, K) of mpii_gt_val.mat."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        content = scipy.io.loadmat(path)
        corners = content["headboxes_src"].transpose(2, 0, 1).reshape(-1, 4)
        places = content["pos_gt_src"].transpose(2, 0, 1)
        return corners, places, content["jnt_missing"].T
    except KeyError as error:
        raise ValueError(f"{path}: not mpii_gt_val.mat, it has no {error}") from None
    except Exception as error:  # a broken file can make scipy raise anything
        raise ValueError(f"{path}: not a whole MATLAB file ({error})") from None
