"""What a user may set: closed, typed records, each defined once, beside the code that uses it.

The configuration nests them and the stage scripts' options are made from them (config/options.py).
Modules of settings import neither torch nor OpenCV nor pandas, as Snakemake reads the configuration
at every start, twice in each cluster job.
"""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
# A name becomes a folder of results/ and a Snakemake wildcard.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
# What pydantic adds to a key's path: the key itself, and which alternative of a union was tried.
TAG = re.compile(r"\[key\]|<.*>")


class Settings(BaseModel):
    """A section of the configuration: no unknown keys, no change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    return f"{path}: {message[0].lower() + message[1:]}{'' if own else f', got {value!r}'}"
