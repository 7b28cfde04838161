"""Scores: a model's metrics on a benchmark, from its keypoints."""

from posecache.scores.oks import coco_ap
from posecache.scores.pckh import mpii_pckh

__all__ = ["coco_ap", "mpii_pckh"]
