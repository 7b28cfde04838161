"""Halpe full-body JSON: COCO's format with 136 keypoints, of which the first 26 are the body."""

import numpy as np

from posecache import skeletons
from posecache.datasets import coco
from posecache.datasets.records import Annotations, Content, Format, Source

FULL_BODY = 136
THORAX = "thorax"


def read(source: Source) -> Annotations:
    """People with a box and a labelled keypoint, in the source's skeleton."""
    return coco.build(source, load(source))


def load(source: Source) -> Content:
    """The file's content in the source's skeleton; people annotated twice are kept once.

    The thorax, which Halpe lacks, is the midpoint of the shoulders (the paper, section 5), labelled
    where both are. `num_keypoints` is counted again, as it is wrong in parts of the release.
    """
    content = coco.load(source)
    coco.reshape(source, content, FULL_BODY)
    places = _places(source.skeleton)
    seen: set[tuple[int, bytes]] = set()
    kept, wrong = [], 0
    for annotation in content.annotations:
        body = annotation["keypoints"][: skeletons.load("halpe26").num_keypoints]
        key = (annotation["image_id"], annotation["keypoints"].tobytes())
        if body[:, 2].any() and key in seen:
            continue
        seen.add(key)
        count = int((body[:, 2] > 0).sum())
        wrong += annotation.get("num_keypoints", count) != count
        with_thorax = np.concatenate([body, _thorax(body)])
        kept.append(annotation | {"keypoints": with_thorax[places], "num_keypoints": count})
    content.dropped["annotated twice"] = len(content.annotations) - len(kept)
    content.mended["wrong num_keypoints"] = wrong
    content.annotations = kept
    return content


def _places(skeleton: str) -> list[int]:
    """Index of each of a skeleton's keypoints in Halpe's body followed by the thorax."""
    names = [*skeletons.load("halpe26").keypoints, THORAX]
    wanted = skeletons.load(skeleton).keypoints
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ValueError(f"skeleton {skeleton}: Halpe labels no {missing[0]}")
    return [names.index(name) for name in wanted]


def _thorax(body: np.ndarray) -> np.ndarray:
    """The shoulders' midpoint (1, 3) of keypoints (26, 3), unlabelled unless both are labelled."""
    names = skeletons.load("halpe26").keypoints
    shoulders = body[[names.index("left_shoulder"), names.index("right_shoulder")]]
    place, visibility = shoulders[:, :2].mean(0), shoulders[:, 2].min()
    return np.array([[*place, visibility] if visibility > 0 else [0.0, 0.0, 0.0]])


FORMAT = Format(read, load)
