"""Pose networks: RTMPose in plain PyTorch, its ONNX export, and models as folders with a card."""

from posecache.models.card import Card
from posecache.models.cspnext import Variant
from posecache.models.rtmpose import RTMPose

__all__ = ["Card", "RTMPose", "Variant"]
