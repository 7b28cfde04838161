"""Samples: one row per person instance, with its enlarged crop where the set is for training."""

from typing import TYPE_CHECKING

from posecache.names import deferred
from posecache.samples.settings import Augmentation, Crops

if TYPE_CHECKING:
    from posecache.samples.preparing import prepare
    from posecache.samples.store import SampleStore, open

__getattr__ = deferred(__name__, {"SampleStore": "store", "open": "store", "prepare": "preparing"})

__all__ = ["Augmentation", "Crops", "SampleStore", "open", "prepare"]
