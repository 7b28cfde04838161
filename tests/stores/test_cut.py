import pytest
from pydantic import ValidationError

from posecache.stores.settings import Cut


def test_shards_must_hold_whole_chunks() -> None:
    with pytest.raises(ValidationError, match="shard_rows 5 is not a multiple of chunk_rows 2"):
        Cut(chunk_rows=2, shard_rows=5)
