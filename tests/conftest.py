"""Fixtures that several test folders share."""

import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail, and neither are examples that another run would not draw.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

# A shell lets what it runs in the background ignore Ctrl-C, and so what that starts in its turn.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
