"""Pose networks, their ONNX export, and models as folders with a card."""

from typing import TYPE_CHECKING

from posecache.models.networks.variant import Variant
from posecache.names import deferred

if TYPE_CHECKING:
    from posecache.models.card import Card
    from posecache.models.networks.rtmpose import RTMPose

__getattr__ = deferred(__name__, {"Card": "card", "RTMPose": "networks.rtmpose"})

__all__ = ["Card", "RTMPose", "Variant"]
