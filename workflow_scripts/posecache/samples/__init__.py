"""Samples: one row per person instance, with its enlarged crop where the set is for training."""

from typing import TYPE_CHECKING

from posecache.names import deferred
from posecache.samples.settings import Augmentation, Crops

if TYPE_CHECKING:
    from posecache.samples.preparing import check, prepare
    from posecache.samples.store import SampleStore, open

MODULES = {"SampleStore": "store", "open": "store", "check": "preparing", "prepare": "preparing"}
__getattr__ = deferred(__name__, MODULES)

__all__ = ["Augmentation", "Crops", "SampleStore", "check", "open", "prepare"]
