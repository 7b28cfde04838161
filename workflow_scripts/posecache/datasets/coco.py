"""COCO keypoint JSON, and what the formats derived from it (CrowdPose, Halpe) share.

Source of the rules for who counts: MMPose datasets/datasets/base/base_coco_style_dataset.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from posecache import decoding, skeletons
from posecache.datasets import coco_file
from posecache.datasets.coco_file import CocoFile
from posecache.datasets.records import (
    BOX_SHARE,
    Annotations,
    Content,
    Format,
    Source,
    head_size,
)

EMPTY: Mapping[str, str] = {}


def read(source: Source) -> Annotations:
    """People with a box and, where labels are read, a labelled keypoint; crowds are left out."""
    return build(source, load(source))


def load(source: Source) -> Content:
    """Everybody in the wanted images, in the source's skeleton."""
    file = decoding.read(source.annotations, CocoFile)
    return named(source, file, skeletons.load(source.skeleton).keypoints)


def named(
    source: Source, file: CocoFile, names: Sequence[str], own_names: Mapping[str, str] = EMPTY
) -> Content:
    """Everybody in a file, whose category names the keypoints; if not, they are `names`.

    `own_names` translates the file's names into the skeletons'.
    """
    category = coco_file.category(source, file)
    names = [own_names.get(name, name) for name in category.keypoints] or names
    names = names if source.labelled else []
    content = coco_file.people(source, file, category.id, len(names))
    content = replace(content, keypoints=in_skeleton(source, content.keypoints, names))
    return without_errors(source, content)


def in_skeleton(source: Source, keypoints: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Keypoints (N, ...) called `names` as those of the source's skeleton (N, K)."""
    wanted = skeletons.load(source.skeleton).keypoints
    place = {name: index for index, name in enumerate(names)}
    missing = [name for name in wanted if name not in place]
    if missing or len(place) < len(names):
        problem = f"labels no {missing[0]!r}" if missing else "names a keypoint twice"
        raise ValueError(
            f"{source.annotations}: {problem}, expected the keypoints of {source.skeleton} among "
            f"its own: {', '.join(names)}"
        )
    return keypoints[:, [place[name] for name in wanted]]


def without_errors(source: Source, content: Content) -> Content:
    """The people with visibilities checked, impossible labels taken away, and areas filled in.

    Nothing counts as labelled in people whose `num_keypoints` is 0, as in MMPose, nor a keypoint
    further outside its image than the image is large: released files have a few, no crop shows
    them, and a file that is wrong throughout shows it by the count.
    """
    x, y, visibility = np.moveaxis(content.keypoints, 2, 0)
    _check_visibility(source, content)
    visibility = np.where(content.num_keypoints[:, None] == 0, 0, visibility)
    width, height = content.image_size[content.image_index].T[:, :, None]
    far = (x < -width) | (x > 2 * width) | (y < -height) | (y > 2 * height)
    far &= visibility > 0
    visibility[far] = 0
    estimate = content.box[:, 2] * content.box[:, 3] * BOX_SHARE
    mended = {"keypoints far outside the image": far.any(1), "area of 0": content.area == 0}
    return replace(
        content,
        keypoints=np.stack([x, y, visibility], 2),
        area=np.where(content.area > 0, content.area, estimate),
        mended={**content.mended, **_counts(mended)},
    )


def _counts(people: Mapping[str, np.ndarray]) -> dict[str, int]:
    return {name: int(rows.sum()) for name, rows in people.items()}


def _check_visibility(source: Source, content: Content) -> None:
    visibility = content.keypoints[:, :, 2]
    wrong = np.argwhere((visibility != 0) & (visibility != 1) & (visibility != 2))
    if len(wrong):
        row, keypoint = wrong[0]
        raise ValueError(
            f"{source.annotations}: annotation {content.instance_id[row]}: visibility "
            f"{visibility[row, keypoint]:g} of a keypoint, expected 0, 1 or 2"
        )


def build(source: Source, content: Content) -> Annotations:
    """Arrays of the usable people, by image in the file's order of images.

    A labelled person without a box is refused; where labels are not read, it is left out.
    """
    what, has = _wanted(source, content)
    usable = ~content.crowd & has
    _check_boxes(source, content.take(usable))
    boxes = _clipped(content)
    inside = (boxes[:, 2:] > 0).all(1)
    dropped = {
        "crowd": content.crowd,
        f"without {what}": ~content.crowd & ~has,
        "outside the image": usable & ~inside,
    }
    kept = np.flatnonzero(usable & inside)
    if not len(kept):
        raise ValueError(f"{source.annotations}: nobody with {what} in this file")
    kept = kept[np.argsort(content.image_index[kept], kind="stable")]
    counts = {**content.dropped, **_counts(dropped)}
    return _annotations(source, content.take(kept), boxes[kept], counts)


def _wanted(source: Source, content: Content) -> tuple[str, np.ndarray]:
    """What people must have to be of use, and who has it (N,)."""
    if source.labelled:
        return "labelled keypoints", np.asarray((content.keypoints[:, :, 2] > 0).any(1))
    return "a box", np.asarray((content.box[:, 2:] > 0).all(1))


def _check_boxes(source: Source, content: Content) -> None:
    wrong = np.flatnonzero(~(content.box[:, 2:] > 0).all(1))
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"{source.annotations}: annotation {content.instance_id[row]}: box "
            f"{content.box[row].tolist()} has no area, expected [x, y, width, height]"
        )


def _clipped(content: Content) -> np.ndarray:
    """Boxes (N, 4) xywh clipped to the last pixel's centre, as MMPose does."""
    last = content.image_size[content.image_index] - 1
    corner = np.maximum(content.box[:, :2], 0)
    opposite = np.minimum(content.box[:, :2] + content.box[:, 2:], last)
    return np.concatenate([corner, opposite - corner], 1)


def _annotations(
    source: Source, content: Content, boxes: np.ndarray, dropped: Mapping[str, int]
) -> Annotations:
    visibility = content.keypoints[:, :, 2].astype(np.uint8)
    keypoints = np.where(visibility[:, :, None] > 0, content.keypoints[:, :, :2], np.nan)
    image_ids = np.array([image.id for image in content.images], np.int64)
    return Annotations(
        source=source,
        image_paths=[image.file_name for image in content.images],
        image_size=content.image_size,
        image_index=content.image_index,
        image_id=image_ids[content.image_index],
        instance_id=content.instance_id,
        box=boxes.astype(np.float32),
        keypoints=keypoints.astype(np.float32),
        visibility=visibility,
        area=content.area.astype(np.float32),
        head_size=head_size(content.head_box.astype(np.float32)),
        box_score=np.ones(len(boxes), np.float32),
        dropped=dropped,
        mended=content.mended,
    )


FORMAT = Format(read, load)
