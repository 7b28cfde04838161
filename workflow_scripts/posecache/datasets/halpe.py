"""Halpe full-body JSON: COCO's format with 136 keypoints, of which the first 26 are the body."""

from dataclasses import replace

import numpy as np

from posecache import decoding, skeletons
from posecache.datasets import coco, coco_file
from posecache.datasets.coco_file import CocoFile
from posecache.datasets.records import Annotations, Content, Format, Source
from posecache.skeletons.placing import with_derived

FULL_BODY, BODY = 136, 26


def read(source: Source) -> Annotations:
    """People with a box and a labelled keypoint, in the source's skeleton."""
    return coco.build(source, load(source))


def load(source: Source) -> Content:
    """The file's content in the source's skeleton; people annotated twice are kept once.

    What Halpe lacks and `halpe26` derives, the thorax, is labelled where all that it follows from
    is.
    """
    file = decoding.read(source.annotations, CocoFile)
    content = coco_file.people(source, file, coco_file.category(source, file).id, FULL_BODY)
    content = coco.without_errors(source, _body(_without_twins(content)))
    body = skeletons.load("halpe26")
    keypoints = with_derived(content.keypoints, body)
    return replace(content, keypoints=coco.in_skeleton(source, keypoints, body.names))


def _body(content: Content) -> Content:
    """The people's bodies without what is wrong in parts of the release.

    `num_keypoints` is not believed. A visibility other than 0, 1 and 2 says, as in MMPose, no more
    than whether the keypoint is labelled: 1 is put in its place, or 0 where it is negative.
    """
    body = content.keypoints[:, :BODY].copy()
    visibility, count = body[:, :, 2], content.num_keypoints
    odd = ~np.isin(visibility, (0, 1, 2))
    wrong = (count >= 0) & (count != (visibility > 0).sum(1))
    body[:, :, 2] = np.where(odd, visibility > 0, visibility)
    return replace(
        content,
        keypoints=body,
        num_keypoints=np.full_like(count, -1),
        mended={
            "wrong num_keypoints": int(wrong.sum()),
            "odd visibility": int(odd.any(1).sum()),
        },
    )


def _without_twins(content: Content) -> Content:
    """Everybody once: of people of one image with the same labelled keypoints the first."""
    labelled = np.any(content.keypoints[:, :BODY, 2] > 0, axis=1)
    flat = content.keypoints.reshape(len(labelled), 3 * FULL_BODY)
    keys = np.column_stack([content.image_index, flat])[labelled]
    rows = keys.view(np.dtype((np.void, keys.strides[0]))).reshape(len(keys))
    _, first = np.unique(rows, return_index=True)
    kept = ~labelled
    kept[np.flatnonzero(labelled)[first]] = True
    twins = {"annotated twice": int((~kept).sum())}
    return replace(content.take(kept), dropped={**content.dropped, **twins})


FORMAT = Format(read, load)
