"""A settings class as command-line options: how rules hand settings to the stage scripts.

Each field is an option of the same name; its description is the help. Strings are given as they
are; all other values are given as YAML.
"""

import argparse
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from posecache.config.documents import Dumper, parse
from posecache.settings import Settings, explain

Given = TypeVar("Given", bound=Settings)


def add_options(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    """Add one option for each field of the settings class."""
    group = parser.add_argument_group(f"{kind.__name__.lower()} (values are texts or YAML)")
    for name, field in kind.model_fields.items():
        default = field.get_default()
        shown = default.model_dump() if isinstance(default, BaseModel) else default
        text = field.description or ""
        group.add_argument(
            _option(name),
            type=str if _is_text(field) else from_yaml,
            help=text if field.is_required() else f"{text} (default: {shown})",
            required=field.is_required(),
            default=argparse.SUPPRESS,
        )


def from_options(arguments: argparse.Namespace, kind: type[Given]) -> Given:
    """The settings that the command line describes; ValueError names the option."""
    given = {k: v for k, v in vars(arguments).items() if k in kind.model_fields}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        place, _, problem = explain(error).partition(": ")
        option, *inner = place.split(".")
        where = "" if place == "record" else ".".join([_option(option), *inner]) + ": "
        raise ValueError(f"{where}{problem}") from None


def yaml_of(kind: type[Given]) -> Callable[[str], Given]:
    """The `type` of an option whose value is the YAML of a settings class."""

    def read(text: str) -> Given:
        try:
            return kind.model_validate(from_yaml(text))
        except ValidationError as error:
            raise argparse.ArgumentTypeError(explain(error)) from None

    return read


def to_options(settings: Settings, kind: type[Settings] | None = None) -> list[str]:
    """The command line that describes `settings`, or only those of its fields that `kind` has.

    Defaults are left out.
    """
    fields = (kind or type(settings)).model_fields
    record = settings.model_dump(mode="json", exclude_defaults=True, include=set(fields))
    options = []
    for name, value in record.items():
        options += [_option(name), value if _is_text(fields[name]) else as_yaml(value)]
    return options


def as_yaml(value: Any) -> str:
    """A value as one line of YAML."""
    text: str = yaml.dump(
        value, None, Dumper, default_flow_style=True, width=10**9, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def from_yaml(text: str) -> Any:
    """The `type` of an option whose value is YAML."""
    try:
        return parse(text, "value")[0]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _is_text(field: FieldInfo) -> bool:
    """Whether a field's type is `str` or `str | None`; None is never written as an option."""
    kinds = [_bare(kind) for kind in get_args(field.annotation) if kind is not type(None)]
    return field.annotation is str or kinds == [str]


def _bare(kind: Any) -> Any:
    """A type without its `Annotated` metadata."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind
