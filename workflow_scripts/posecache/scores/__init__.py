"""Scores: a model's metrics on a benchmark, from its keypoints."""

from typing import TYPE_CHECKING

from posecache.names import deferred

if TYPE_CHECKING:
    from posecache.scores.oks import coco_ap
    from posecache.scores.pckh import mpii_pckh

__getattr__ = deferred(__name__, {"coco_ap": "oks", "mpii_pckh": "pckh"})

__all__ = ["coco_ap", "mpii_pckh"]
