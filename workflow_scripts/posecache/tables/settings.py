"""A table of the user's own: rows are models, columns are numbers of benchmarks."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from posecache.settings import Name, Settings
from posecache.tables.table import OURS, SEEDS, Column, Row, Table

LABEL = "model"  # the column with the rows' labels
Cell = Annotated[tuple[Name, str], Field(strict=False)]  # a benchmark and a number; a list in YAML


class OwnTable(Settings):
    """An entry of `tables.own`."""

    title: str = Field("", description="above the table")
    rows: Annotated[dict[str, Name], Field(min_length=1)] = Field(
        description="{label: model, ...}, or a list of models"
    )
    columns: Annotated[dict[str, Cell], Field(min_length=1)] = Field(
        description="{heading: [benchmark, number], ...}"
    )
    published: str | None = Field(
        None, description=f"CSV: a column `{LABEL}` with the labels, and the headings' numbers"
    )

    @model_validator(mode="before")
    @classmethod
    def _models_alone(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("rows"), list):
            return given | {"rows": {str(model): model for model in given["rows"]}}
        return given

    @field_validator("columns")
    @classmethod
    def _own_headings(cls, columns: dict[str, Any]) -> dict[str, Any]:
        taken = [heading for heading in columns if heading in (LABEL, OURS, SEEDS)]
        if taken:
            raise ValueError(f"{taken[0]!r} is the heading of another column")
        return columns

    def table(self) -> Table:
        """The table that this entry describes."""
        benchmarks = {benchmark: benchmark for benchmark, _ in self.columns.values()}
        return Table(
            title=self.title,
            labels=(LABEL,),
            columns=tuple(
                Column(heading, heading, benchmark, number)
                for heading, (benchmark, number) in self.columns.items()
            ),
            rows=tuple(Row((label,), model, benchmarks) for label, model in self.rows.items()),
            published=None if self.published is None else Path(self.published),
        )
