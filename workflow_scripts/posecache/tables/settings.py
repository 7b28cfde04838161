"""A table of the user's own: rows are models, columns are numbers of benchmarks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from posecache.settings import ModelName, Name, Settings
from posecache.tables.table import BEST, OURS, SEEDS, Column, Row, Table

LABEL = "model"  # the column with the rows' labels
Cell = Annotated[tuple[Name, str], Field(strict=False)]  # a benchmark and a number; a list in YAML


def _own_headings(columns: dict[str, Any]) -> dict[str, Any]:
    taken = [heading for heading in columns if heading in (LABEL, OURS, SEEDS, BEST)]
    if taken:
        raise ValueError(f"{taken[0]!r} is the heading of another column")
    return columns


Columns = Annotated[dict[str, Cell], Field(min_length=1), AfterValidator(_own_headings)]


def own_columns(
    columns: Mapping[str, tuple[str, str]],
) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The columns of a user's own headings, and the benchmarks of each row."""
    found = (Column(heading, heading, *cell) for heading, cell in columns.items())
    return tuple(found), {benchmark: benchmark for benchmark, _ in columns.values()}


class OwnTable(Settings):
    """An entry of `tables.own`."""

    title: str = Field("", description="above the table")
    rows: Annotated[dict[str, ModelName], Field(min_length=1)] = Field(
        description="{label: model, ...}, or a list of models"
    )
    columns: Columns = Field(description="{heading: [benchmark, number], ...}")
    published: str | None = Field(
        None, description=f"CSV: a column `{LABEL}` with the labels, and the headings' numbers"
    )

    @model_validator(mode="before")
    @classmethod
    def _models_alone(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("rows"), list):
            return given | {"rows": {str(model): model for model in given["rows"]}}
        return given

    def table(self) -> Table:
        """The table that this entry describes."""
        columns, benchmarks = own_columns(self.columns)
        return Table(
            title=self.title,
            labels=(LABEL,),
            columns=columns,
            rows=tuple(Row((label,), model, benchmarks) for label, model in self.rows.items()),
            published=None if self.published is None else Path(self.published),
        )
