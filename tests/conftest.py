"""Fixtures that several test folders share."""

import os
from pathlib import Path

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes test, a file's tests stay together, and so do all files whose tests
    share the finished miniature (workflow/conftest.py), which takes a while to make."""
    sharing = {item.path for item in items if "finished" in getattr(item, "fixturenames", ())}
    for item in items:
        group = "miniature" if item.path in sharing else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference numbers and real samples; a clone of the project has none."""
    default = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("POSECACHE_SHARED", default))
    if not folder.is_dir():
        pytest.skip(f"no reference numbers at {folder} (set POSECACHE_SHARED)")
    return folder


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Where a test runs: here, and on a GPU if there is one."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return str(request.param)
