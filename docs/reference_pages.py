"""What the reference pages say, made from the code: the keys of a configuration from its schema,
the options of scripts and commands from their parsers.
"""

import argparse
import functools
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from posecache import cli
from posecache.config.options import as_yaml
from posecache.config.schema import Config
from posecache.training.recipe import Recipe

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false"}
NULL = {"type": "null"}
OTHERS = {"description": "any further key, as the class says"}  # where a class takes such keys
WIDTH = 96  # characters of a help text's line


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the made parts of a page in the place of their marks."""
    for mark, make in MADE.items():
        if mark in source[0]:
            source[0] = source[0].replace(mark, make())


def configuration() -> str:
    """A section for each settings class: where it may stand, and its keys."""
    classes = schemas()
    places: dict[str, dict[str, None]] = {}
    for name, place in walk("Config", "", classes):
        places.setdefault(name, {})[place] = None
    return "\n\n".join(section(name, list(found), classes[name]) for name, found in places.items())


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of every settings class; `training` has that of the recipe."""
    found = {"Config": Config.model_json_schema(), "Recipe": Recipe.model_json_schema()}
    for schema in list(found.values()):
        found |= schema.pop("$defs")
    for name, schema in found.items():
        for key, value in schema["properties"].items():
            if not value.get("description"):
                raise ExtensionError(f"{name}.{key}: this key has no description in its class")
            if key == "training":
                value["$ref"] = "#/$defs/Recipe"
    return found


def walk(name: str, place: str, classes: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each settings class within one and each place where it may stand, from the outside in."""
    yield name, place
    for key, value in classes[name]["properties"].items():
        inner = f"{place}.{key}" if place else key
        for part, star in references(value):
            yield from walk(part, inner + star, classes)


def references(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings classes that a value may be of; `.NAME` for those under names of the user's."""
    if "$ref" in value:
        yield value["$ref"].rpartition("/")[2], ""
    for part in (*choices(value), *items(value)):
        yield from references(part)
    for entry in entries(value):
        yield from ((name, ".NAME" + star) for name, star in references(entry))


def choices(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas of which a value fits one."""
    return [*value.get("anyOf", ()), *value.get("oneOf", ())]


def items(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas of a list's items: of each place, or one for all."""
    return value.get("prefixItems") or [value["items"]] if value.get("type") == "array" else []


def entries(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas of a mapping's values."""
    return [*value.get("patternProperties", {}).values()] or [
        entry for entry in [value.get("additionalProperties")] if isinstance(entry, dict)
    ]


def section(name: str, places: list[str], schema: Mapping[str, Any]) -> str:
    """A settings class: its places, what it is, and a table of its keys."""
    title = ", ".join(f"`{place}`" for place in places if place) or "The top of the file"
    title += f": {words(name)}" if name.endswith("Teacher") else ""  # three may stand there
    required = schema.get("required", ())
    rows = [row(key, value, key in required) for key, value in schema["properties"].items()]
    rows += [row("*", {**entry, **OTHERS}, False) for entry in entries(schema)]
    head = "| key | value | default | |\n|---|---|---|---|"
    about = schema.get("description", "")
    return "\n".join([f"({anchor(name)})=", f"## {title}", "", about, "", head, *rows])


def row(key: str, value: Mapping[str, Any], required: bool) -> str:
    cells = [
        f"`{key}`",
        kind(value),
        "required" if required else usual(value),
        value["description"],
    ]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def usual(value: Mapping[str, Any]) -> str:
    """What stands there unless told otherwise; nothing where that is a class's own defaults."""
    if "default" not in value or (value["default"] is not None and any(references(value))):
        return ""
    return f"`{as_yaml(value['default'])}`"


def kind(value: Mapping[str, Any]) -> str:
    """What may stand there, in the words of YAML."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{words(name)}](#{anchor(name)})"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if found := choices(value):
        known = [kind(choice) for choice in found if choice != NULL]
        return " or ".join(known + ["null"] * (NULL in found))
    if found := items(value):
        return f"[{', '.join(map(kind, found))}{'' if 'prefixItems' in value else ', ...'}]"
    if value.get("type") == "object":
        return "{" + "".join(f"NAME: {kind(entry)}, " for entry in entries(value)) + "...}"
    return TYPES.get(value.get("type", ""), "anything")


def words(name: str) -> str:
    """A class's name in words."""
    return re.sub(r"\B([A-Z])", r" \1", name).lower()


def anchor(name: str) -> str:
    return f"keys-{name.lower()}"


def stages() -> str:
    """Each stage script: what it does, and its options."""
    return "\n\n".join(script(path) for path in sorted(SCRIPTS.glob("*.py")))


def script(path: Path) -> str:
    module = importlib.import_module(path.stem)
    if not hasattr(module, "options"):
        raise ExtensionError(f"{path.name}: expected a function `options` that gives its parser")
    parser = module.options()
    parser.prog = path.name
    return f"## {path.name}\n{module.__doc__}\n{helped(parser)}"


def commands() -> str:
    """Each command of `posecache`."""
    parser = cli.parser()
    (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return "\n\n".join(
        f"## posecache {name}\n{helped(command)}" for name, command in group.choices.items()
    )


def helped(parser: argparse.ArgumentParser) -> str:
    """A parser's help as a block."""
    parser.formatter_class = functools.partial(argparse.HelpFormatter, width=WIDTH)
    return f"```text\n{parser.format_help()}```"


MADE: dict[str, Callable[[], str]] = {
    "<!-- made: configuration -->": configuration,
    "<!-- made: stages -->": stages,
    "<!-- made: commands -->": commands,
}
