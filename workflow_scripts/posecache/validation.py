"""What pydantic found, in one line for the user."""

import re

from pydantic import ValidationError

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
# How pydantic names a key itself, and the alternatives that a value was tried as: no keys of ours.
TAG = re.compile(r"\[key\]|literal\[.*|ExplicitVariant")


def explain(error: ValidationError, prefix: str = "") -> str:
    """The most specific problem, as `prefix.key.path: expectation, got value`."""
    worst = max(error.errors(), key=lambda found: len(found["loc"]))
    parts = [str(part) for part in worst["loc"] if not TAG.fullmatch(str(part))]
    path = ".".join([prefix, *parts] if prefix else parts) or "record"
    if worst["type"] in UNKNOWN:
        return f"{path}: unknown key"
    if worst["type"] == "missing":
        return f"{path}: this key is missing"
    message = worst["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower() + message[1:]}, got {worst['input']!r}"
