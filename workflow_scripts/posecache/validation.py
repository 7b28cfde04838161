"""What pydantic found, in one line for the user."""

from pydantic import ValidationError

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def explain(error: ValidationError, prefix: str = "") -> str:
    """The first problem, as `key.path: expectation, got value`; `prefix` starts the path."""
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"] if part != "[key]"]
    path = ".".join([prefix, *parts] if prefix else parts) or "record"
    if first["type"] in UNKNOWN:
        return f"{path}: unknown key"
    if first["type"] == "missing":
        return f"{path}: this key is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower() + message[1:]}, got {first['input']!r}"
