"""Logits: a model's SimCC logits over a sample set."""

from typing import TYPE_CHECKING

from posecache.logits.settings import Caching, Views
from posecache.names import deferred

if TYPE_CHECKING:
    from posecache.logits.caching import cache
    from posecache.logits.store import LogitStore, open

__getattr__ = deferred(__name__, {"LogitStore": "store", "open": "store", "cache": "caching"})

__all__ = ["Caching", "LogitStore", "Views", "cache", "open"]
