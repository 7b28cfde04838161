"""What a benchmark measures, and the names of its numbers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from posecache.settings import Settings, Share
from posecache.skeletons import SkeletonName

PCKH_GROUPS = {
    "head": ("head_top",),
    "shoulder": ("left_shoulder", "right_shoulder"),
    "elbow": ("left_elbow", "right_elbow"),
    "wrist": ("left_wrist", "right_wrist"),
    "hip": ("left_hip", "right_hip"),
    "knee": ("left_knee", "right_knee"),
    "ankle": ("left_ankle", "right_ankle"),
}
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
# Groups that MPII's evaluation does not print: MPII's own keypoints, COCO's own, those of both.
FURTHER_GROUPS = {
    "neck": ("upper_neck",),
    "trunk": ("thorax", "pelvis"),
    "midline": ("head_top", "upper_neck", "thorax", "pelvis"),
    "face": ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    "limbs": tuple(joint for group in LIMBS for joint in PCKH_GROUPS[group]),
}
COCO_KEYS = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")
# CrowdPose's kinds of images by their crowdIndex, as its evaluation has them (its paper says 0.1).
CROWD_KINDS = {"AP_easy": (-1.0, 0.2), "AP_medium": (0.2, 0.8), "AP_hard": (0.8, float("inf"))}
# The numbers that a metric may give, all in 0-100.
NUMBERS = {
    "oks": (*COCO_KEYS, *CROWD_KINDS),
    "pckh": (
        *(*PCKH_GROUPS, "mean", "mean@0.1"),
        *(f"{group}{limit}" for group in FURTHER_GROUPS for limit in ("", "@0.1")),
    ),
}


# The one that a run is watched by.
HEADLINES = {"oks": "AP", "pckh": "mean"}


class Measure(Settings):
    """A metric, and the protocol by which it is measured."""

    metric: Literal["oks", "pckh"] = Field(description="oks or pckh")
    shared_with: SkeletonName | None = Field(
        None, description="a skeleton: only the keypoints that it has too count"
    )
    rescore: bool = Field(
        True, description="oks: a person's score is its box's times its keypoints'"
    )
    nms: Share | None = Field(0.9, description="oks above which people are merged; null: nobody is")

    @model_validator(mode="after")
    def _of_the_metric(self) -> Self:
        for name in ("rescore", "nms"):
            default = type(self).model_fields[name].default
            if self.metric == "pckh" and getattr(self, name) != default:
                raise ValueError(f"`{name}` belongs to the metric oks")
        return self
