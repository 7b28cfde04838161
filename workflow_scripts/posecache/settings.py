"""What a user may set: closed, typed records, each defined once, beside the code that uses it.

The configuration nests them and the stage scripts' options are made from them (config/options.py).
Modules of settings import neither torch nor OpenCV nor pandas, as Snakemake reads the configuration
at every start, twice in each cluster job.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Item = TypeVar("Item")

Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
NonNegative = Annotated[float, Field(ge=0)]
# A name becomes a folder of results/ and a Snakemake wildcard.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
# A student's, who may be one of a sweep: unified-t.alpha=0.5
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=+-]*$")]
# A folder in which things are made: Snakemake would read braces as wildcards, and nothing as /.
Folder = Annotated[str, Field(pattern=r"^[^{}]*[^{}/\s]$")]

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
# What pydantic adds to a key's path: the key itself, and which alternative of a union was tried.
TAG = re.compile(r"\[key\]|<.*>")


class Settings(BaseModel):
    """A section of the configuration: no unknown keys, no change after it was read.

    A value has the type that its key asks for: neither `true` nor "10" is a number. A whole number
    may stand for a float; nothing is infinite or NaN.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _lists_for_tuples(cls, given: Any) -> Any:
        """YAML has no tuples."""
        if not isinstance(given, dict):
            return given
        lists = {key for key, value in given.items() if isinstance(value, list)}
        pairs = {key for key in lists & cls.model_fields.keys() if _is_tuple(cls, key)}
        return {key: tuple(value) if key in pairs else value for key, value in given.items()}


def _is_tuple(section: type[BaseModel], key: str) -> bool:
    """Whether a field is a tuple, or a tuple or None."""
    annotation = section.model_fields[key].annotation
    return tuple in {get_origin(kind) for kind in (annotation, *get_args(annotation))}


def distinct(items: Sequence[Item]) -> Sequence[Item]:
    """The items themselves; ValueError if one of them is there twice."""
    twice = [item for place, item in enumerate(items) if item in items[:place]]
    if twice:
        raise ValueError(f"{twice[0]!r} is listed twice")
    return items


def explain(error: ValidationError, prefix: str = "") -> str:
    """The most specific problem, as `prefix.key.path: expectation, got value`."""
    worst = max(error.errors(), key=lambda found: len(found["loc"]))
    parts = [str(part) for part in worst["loc"] if not TAG.fullmatch(str(part))]
    path = ".".join([prefix, *parts] if prefix else parts) or "record"
    if worst["type"] in UNKNOWN:
        return f"{path}: unknown key"
    if worst["type"] == "missing":
        return f"{path}: this key is missing"
    nested = worst.get("ctx", {}).get("error")
    if isinstance(nested, ValidationError):  # from a part that its own module checks
        return explain(nested, path)
    message, value = worst["msg"].removeprefix("Value error, "), worst["input"]
    # Our own messages name the value themselves where it is not a whole section.
    own = worst["type"] == "value_error" and (isinstance(value, dict) or repr(value) in message)
    message = (message[0].lower() + message[1:]).replace("tuple", "list")  # as YAML has it
    return f"{path}: {message}{'' if own else f', got {value!r}'}"
