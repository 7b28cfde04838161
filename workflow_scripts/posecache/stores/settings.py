"""How the rows of a store are cut into files."""

from typing import Self

from pydantic import Field, PositiveInt, model_validator

from posecache.settings import Settings


class Cut(Settings):
    """Chunks and shards of a store."""

    chunk_rows: PositiveInt = Field(64, description="rows that one training read takes")
    shard_rows: PositiveInt = Field(
        1024, description="rows that one file holds: what a killed job may lose; whole chunks"
    )

    @model_validator(mode="after")
    def _full_chunks(self) -> Self:
        if self.shard_rows % self.chunk_rows:
            raise ValueError(
                f"shard_rows {self.shard_rows} is not a multiple of chunk_rows {self.chunk_rows}"
            )
        return self
