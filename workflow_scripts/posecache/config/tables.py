"""The section `tables`: which models fill which tables."""

from pydantic import Field

from posecache.config.models import SomeNames
from posecache.settings import ModelName, Name, Settings
from posecache.tables.settings import OwnTable


class Tables(Settings):
    """The tables beside the scores."""

    paper: dict[Name, dict[Name, ModelName]] = Field(
        {}, description="the model for each part of the published tables, by size and part"
    )
    teachers: dict[Name, SomeNames] = Field({}, description="their benchmarks, below Table 1")
    rivals: dict[Name, SomeNames] = Field(
        {}, description="teachers beside the students, and the benchmarks on which they are scored"
    )
    own: dict[Name, OwnTable] = Field({}, description="tables of your own, by name")

    @property
    def listed(self) -> dict[str, dict[str, list[str]]]:
        """The benchmarks of teachers, by the keys that list them."""
        return {"tables.teachers": self.teachers, "tables.rivals": self.rivals}

    @property
    def parts(self) -> dict[str, str]:
        """Model names by published part, such as `tiny.unified` or `I.coco`."""
        return {f"{s}.{role}": m for s, roles in self.paper.items() for role, m in roles.items()}
