"""What a logit store will hold."""

from collections.abc import Mapping

from posecache import skeletons
from posecache.contract import SPLIT_RATIO
from posecache.logits.settings import ENCODINGS, KIND, Caching
from posecache.stores.layout import Column, Layout

KEYPOINTS = "keypoints"  # the column of what a refined model says beside its logits


def logit_layout(
    num_rows: int,
    skeleton: str,
    input_size: tuple[int, int],
    people: Mapping[str, Column],
    settings: Caching,
    split_ratio: float = SPLIT_RATIO,
    *,
    refined: bool = False,
) -> Layout:
    """The layout of logits over `num_rows` persons, with the columns that say who they are.

    `skeleton` and `input_size`, (width, height) in px, are the model's; `split_ratio` is bins a px.
    A `refined` model's keypoints stand beside the logits, unless looks are merged: only its logits
    can be.
    """
    views, keypoints = settings.views.count, skeletons.load(skeleton).num_keypoints
    width, height = (int(side * split_ratio) for side in input_size)
    encoding, beside = ENCODINGS[settings.encoding], {}
    if refined and settings.views.merge == "none":
        beside[KEYPOINTS] = Column(shape=(views, keypoints, 3), dtype="float32", shuffle=None)
    return Layout(
        kind=KIND,
        num_rows=num_rows,
        columns={
            **encoding.columns("simcc_x", (views, keypoints, width)),
            **encoding.columns("simcc_y", (views, keypoints, height)),
            **beside,
            "matrix": Column(shape=(views, 2, 3), dtype="float64"),
            **people,
        },
        chunk_rows=settings.chunk_rows,
        shard_rows=settings.shard_rows,
    )
