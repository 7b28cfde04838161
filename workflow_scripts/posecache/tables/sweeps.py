"""The table of a sweep: each combination of values is a row, and the best one is marked."""

from pydantic import Field

from posecache.settings import ModelName, Settings
from posecache.tables.settings import Columns, own_columns
from posecache.tables.table import Row, Table


class SweptTable(Settings):
    """A sweep that is written out: rows are students, told apart by the swept keys' values."""

    title: str = Field(description="above the table")
    keys: list[str] = Field(description="what is swept")
    rows: dict[ModelName, list[str]] = Field(description="{student: the keys' values, ...}")
    columns: Columns = Field(description="{heading: [benchmark, number], ...}")
    by: str = Field(description="the heading whose highest number is the best")

    def table(self) -> Table:
        """The table that this entry describes."""
        columns, benchmarks = own_columns(self.columns)
        return Table(
            title=self.title,
            labels=tuple(self.keys),
            columns=columns,
            rows=tuple(Row(tuple(v), model, benchmarks) for model, v in self.rows.items()),
            by=self.by,
        )
