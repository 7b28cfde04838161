"""How the library is built: imports point one way, and what is read at every start is light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "workflow_scripts" / "posecache"
# Each package may import those before it, and itself.
FOUNDATIONS = (
    "contract", "decoding", "devices", "files", "geometry", "gpus", "names", "progress", "records",
    "runs", "settings", "simcc", "stage", "threads",
)  # fmt: skip
ORDER = ("skeletons", "stores", "datasets", "samples", "models", "logits")
ABOVE = {
    "scores": ORDER,
    "training": (*ORDER, "scores"),
    "tables": (*ORDER, "scores"),
    "report": (*ORDER, "training", "scores", "tables"),
    "predicting": (*ORDER, "scores", "report"),
    "labelling": (*ORDER, "scores", "report"),
    "config": (*ORDER, "training", "scores", "tables", "labelling"),
    "estimates": (*ORDER, "training", "scores", "tables", "config"),
    "doctor": (*ORDER, "training", "scores", "tables", "config", "estimates"),
    "commands": (
        *ORDER,
        "training",
        "scores",
        "tables",
        "report",
        "config",
        "estimates",
        "predicting",
        "doctor",
    ),
    "cli": ("commands",),
}
ALLOWED = {
    **{package: ORDER[:place] for place, package in enumerate(ORDER)},
    **ABOVE,
}


def modules() -> dict[str, Path]:
    """Every module of the library by its name."""
    found = {}
    for path in LIBRARY.rglob("*.py"):
        parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imported(module: str) -> Iterator[str]:
    """The library's modules that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


def package(module: str) -> str:
    """The part of the library that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_downwards(module: str) -> None:
    own = package(module)
    allowed = {"", own, *FOUNDATIONS, *ALLOWED.get(own, ())}
    assert {package(other) for other in imported(module)} <= allowed


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: set(imported(name)) - {name} for name in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)  # CycleError if not


def test_the_order_names_every_package() -> None:
    packages = {package(name) for name in MODULES} - {""}
    assert packages == {*FOUNDATIONS, *ALLOWED}


def test_only_rules_scripts_commands_and_benchmarks_read_the_configuration() -> None:
    users = {name for name in MODULES if any(package(o) == "config" for o in imported(name))}
    assert {package(name) for name in users} <= {"config", "estimates", "doctor", "commands"}


@pytest.mark.parametrize(
    "module",
    [
        "posecache.config",
        "posecache.config.stages",
        "posecache.estimates.times",
        "posecache.cli",
    ],
)
def test_parsing_a_configuration_imports_nothing_heavy(module: str) -> None:
    heavy = "{'torch', 'cv2', 'pandas', 'onnx', 'onnxruntime', 'zarr'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_long() -> None:
    root = LIBRARY.parents[1]
    files = [*root.glob("rules/*.smk"), root / "Snakefile"]
    for folder in ("workflow_scripts", "tests", "benchmarks"):
        files += (root / folder).rglob("*.py")
    lengths = {path.name: len(path.read_text().splitlines()) for path in files}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
    assert lengths["common.smk"] <= 120
